// Cases by the ROM: each batch is a machine.

#include <cstdio>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/emulate/bochs.h"
#include "tests/emulate/suite.h"

namespace jitattn::emulate {
namespace {

constexpr uint32_t kNoCase = 0xFFFFFFFF;
constexpr int kLimitSeconds = 120;         // of one machine; a batch takes some
constexpr uint64_t kBatchBytes = 1 << 20;  // a case has less than what remains of the ROM

class Batch {
 public:
  Batch(const EmulatedCpu& cpu, Tally* tally) : cpu_(cpu), tally_(tally), image_(Xcr0(cpu.isa)) {
    image_.Add({Op::kDescribe, kNoCase});
  }

  bool IsFull() const { return image_.bytes() >= kBatchBytes; }

  void Add(const Case& a_case) {
    const auto number = static_cast<uint32_t>(prepared_.size());
    try {
      prepared_.emplace_back(a_case.name, a_case.prepare(image_, number));
    } catch (const std::exception& e) {
      Count(a_case.name, e.what());
    }
  }

  // Returns what the CPU calls itself; "" where the machine could not be run.
  std::string Run() {
    const std::vector<uint8_t> rom = image_.Rom();
    const auto said = RunInBochs(rom, image_.ram_bytes(), std::string(cpu_.bochs), kLimitSeconds);
    const auto answers = said.ok() ? ParseAnswers(*said) : said.status();
    if (!answers.ok() || !answers->cpu) {
      const std::string why =
          answers.ok() ? "the CPU was not told" : std::string(answers.status().message());
      for (const auto& [name, check] : prepared_) Count(name, why);
      return "";
    }
    if (const std::string wrong = CheckCpu(Described(cpu_), *answers->cpu); !wrong.empty()) {
      Count(absl::StrCat("cpu.", std::string(cpu_.name)), wrong);
    }
    for (uint32_t number = 0; number < prepared_.size(); ++number) {
      const auto found = answers->cases.find(number);
      Count(
          prepared_[number].first,
          prepared_[number].second(found == answers->cases.end() ? CaseAnswers{} : found->second));
    }
    return answers->cpu->brand;
  }

 private:
  void Count(const std::string& name, const std::string& wrong) {
    ++(wrong.empty() ? tally_->passed : tally_->failed);
    if (!wrong.empty()) std::printf("FAILED %s: %s\n", name.c_str(), wrong.c_str());
    std::fflush(stdout);
  }

  const EmulatedCpu& cpu_;
  Tally* tally_;
  Image image_;
  std::vector<std::pair<std::string, Check>> prepared_;
};

}  // namespace

bool IsAsked(const std::string& name, const std::vector<std::string>& words) {
  if (words.empty()) return true;
  for (const std::string& word : words)
    if (name.find(word) != std::string::npos) return true;
  return false;
}

Tally RunCases(const EmulatedCpu& cpu, const std::vector<std::string>& words) {
  Tally tally;
  std::vector<Case> cases = Cases(Described(cpu));
  std::erase_if(cases, [&](const Case& c) { return !IsAsked(c.name, words); });
  std::string brand;
  for (size_t next = 0; next < cases.size();) {
    Batch batch(cpu, &tally);
    while (next < cases.size() && !batch.IsFull()) batch.Add(cases[next++]);
    const std::string told = batch.Run();
    if (brand.empty() && !told.empty()) {
      brand = told;
      std::printf("%s: Bochs, \"%s\", %s\n", std::string(cpu.name).c_str(), brand.c_str(),
                  std::string(Name(cpu.isa)).c_str());
    }
  }
  return tally;
}

}  // namespace jitattn::emulate
