// Words as wide as their place, numbers with their units.

#include "cli/plot/words.h"

#include <cmath>
#include <cstdint>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/clean.h"

namespace jitattn::cli {
namespace {

constexpr std::string_view kEllipsis = "…";

std::vector<std::string_view> Characters(std::string_view text) {
  std::vector<std::string_view> characters;
  while (!text.empty()) {
    const int bytes = std::max(Utf8Bytes(text), 1);
    characters.push_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return characters;
}

// In ems, of DejaVu Sans, the widest of the usual faces.
double Em(std::string_view character) {
  if (character.size() > 2 && static_cast<uint8_t>(character[0]) >= 0xe3) return 1.0;  // CJK
  const char c = character[0];
  if (character.size() > 1) return 0.66;
  if (std::string_view("mwMW%@").find(c) != std::string_view::npos) return 0.95;
  if (std::string_view("ijlI.,:;'|!() -").find(c) != std::string_view::npos) return 0.37;
  if (absl::ascii_isupper(c)) return 0.72;
  return 0.62;
}

std::string Trimmed(double number, int digits) { return absl::StrFormat("%.*g", digits, number); }

}  // namespace

double TextWidth(std::string_view text, double size) {
  double ems = 0;
  for (const std::string_view character : Characters(text)) ems += Em(character);
  return ems * size;
}

std::string Fit(std::string_view text, double width, double size) {
  if (TextWidth(text, size) <= width) return std::string(text);
  const std::vector<std::string_view> characters = Characters(text);
  const double room = width - TextWidth(kEllipsis, size);
  // The tail often tells two long names apart: it gets nearly half.
  std::string head, tail;
  double used = 0;
  size_t first = 0, last = characters.size();
  for (bool front = true; first < last; front = !front) {
    const std::string_view character = front ? characters[first] : characters[last - 1];
    used += Em(character) * size;
    if (used > room) break;
    if (front) {
      head += character, ++first;
    } else {
      tail.insert(0, character), --last;
    }
  }
  return absl::StrCat(head, std::string(kEllipsis), tail);
}

std::vector<std::string> Wrap(std::string_view text, double width, double size) {
  std::vector<std::string> lines;
  const std::string owned(text);
  for (const auto word_view : absl::StrSplit(owned, ' ', absl::SkipEmpty())) {
    const std::string word = Fit(std::string(word_view.data(), word_view.size()), width, size);
    if (!lines.empty() && TextWidth(lines.back() + " " + word, size) <= width) {
      lines.back() += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

std::string SecondsWord(double seconds) {
  const double size = std::abs(seconds);
  if (size == 0) return "0";
  // A little below each step, so that 0.9999999 ms is 1 ms.
  if (size >= 0.9999) return Trimmed(seconds, 4) + " s";
  if (size >= 0.9999e-3) return Trimmed(seconds * 1e3, 4) + " ms";
  if (size >= 0.9999e-6) return Trimmed(seconds * 1e6, 4) + " µs";
  return Trimmed(seconds * 1e9, 4) + " ns";
}

std::string CountWord(double count) {
  constexpr double kKibi = 1024;
  if (count >= 16 * kKibi && std::fmod(count, kKibi) == 0) {
    if (count >= kKibi * kKibi && std::fmod(count, kKibi * kKibi) == 0) {
      return Trimmed(count / (kKibi * kKibi), 6) + " Mi";
    }
    return Trimmed(count / kKibi, 6) + " Ki";
  }
  return Trimmed(count, 7);
}

std::string NumberWord(double number) {
  return Trimmed(number == 0 ? 0 : number, 4);  // no −0
}

std::string FileStem(std::string_view path) { return std::filesystem::path(path).stem().string(); }

std::string Slug(std::string_view text) {
  std::string slug;
  for (const char c : text) {
    if (absl::ascii_isalnum(c)) {
      slug.push_back(c);
    } else if (!slug.empty() && slug.back() != '-') {
      slug.push_back('-');
    }
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  constexpr size_t kLongest = 80;  // a file system allows 255 bytes, an extension included
  return slug.substr(0, kLongest);
}

}  // namespace jitattn::cli
