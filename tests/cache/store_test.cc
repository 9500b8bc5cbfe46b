// A folder of records: what is found, what is refused, what is listed and removed.

#include "cache/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "ops/attention/algorithms.h"
#include "ops/attention/problem.h"
#include "ops/sigmoid_mul/problem.h"
#include "tests/cache/cache_testing.h"
#include "tests/mentions.h"

namespace jitattn::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kFolder[] = "amd-25-17-avx512";

class StoreTest : public ::testing::Test {
 protected:
  std::string Path(const Record& record) const {
    return folder_ / kFolder + "/" + record.key.ToString() + ".toml";
  }
  void MustPut(const Record& record) {
    const auto path = store_.Put(record);
    ASSERT_TRUE(path.ok()) << path.status();
    ASSERT_EQ(*path, Path(record));
  }
  std::string WhyNot(const Key& key) const {
    return std::string(store_.Get(key).status().message());
  }

  TemporaryFolder folder_;
  Store store_{folder_.path(), TestCpu(), TestHost()};
};

std::vector<std::string> KeysOf(const std::vector<StoredRecord>& records) {
  std::vector<std::string> keys;
  for (const StoredRecord& stored : records) keys.push_back(stored.record.key.ToString());
  return keys;
}

TEST_F(StoreTest, WhatIsPutIsGot) {
  const Record record = TestRecord();
  EXPECT_EQ(store_.Get(record.key).status().code(), absl::StatusCode::kNotFound);
  MustPut(record);
  const auto got = store_.Get(record.key);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(AllFields(got->record), AllFields(record));
  EXPECT_EQ(got->path, Path(record));
  EXPECT_EQ(got->path, store_.PathOf(record.key));
  EXPECT_EQ(got->stale, "");
  EXPECT_TRUE(got->usable);
}

TEST_F(StoreTest, ConditionsAreKeptApart) {
  Record one = TestRecord(), two = one;
  two.key.conditions.threads = 1;
  two.config.set_threads(1);
  two.result.strategy = "random";
  MustPut(one);
  MustPut(two);
  EXPECT_EQ(store_.Get(one.key)->record.result.strategy, "bayes");
  EXPECT_EQ(store_.Get(two.key)->record.result.strategy, "random");
}

TEST_F(StoreTest, PutKeepsWhatANewerVersionWrote) {
  Record record = TestRecord();
  record.unknown_toml = "novelty = 1\n\n[result]\nenergy_j = 2.5\n";
  MustPut(record);
  MustPut(store_.Get(record.key)->record);
  EXPECT_EQ(store_.Get(record.key)->record.unknown_toml, record.unknown_toml);
}

TEST_F(StoreTest, PutRefusesWhatGetWouldRefuse) {
  MustPut(TestRecord());
  Record bad = TestRecord();
  bad.result.median_s = 0;
  EXPECT_THAT(std::string(store_.Put(bad).status().message()),
              Mentions({"result.median_s", "0.0"}));
  bad = TestRecord();
  bad.fingerprint.model = "99";
  EXPECT_THAT(std::string(store_.Put(bad).status().message()), Mentions({"model", "17", "99"}));
  bad = TestRecord();
  bad.problem.As<ops::AttentionProblem>().q_len = 64;  // of another bucket than the key's
  EXPECT_THAT(std::string(store_.Put(bad).status().message()), Mentions({bad.key.ToString()}));
  bad = TestRecord();
  bad.kernel = std::string(kMaxRecordBytes, 'x');
  EXPECT_THAT(std::string(store_.Put(bad).status().message()), Mentions({"65536"}));
  EXPECT_EQ(AllFields(store_.Get(TestRecord().key)->record), AllFields(TestRecord()));
}

TEST_F(StoreTest, WithoutAFolderNothingIsKept) {
  const Store nowhere("", TestCpu(), TestHost());
  std::vector<RejectedRecord> rejected;
  EXPECT_EQ(nowhere.Get(TestRecord().key).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(nowhere.Near(TestRecord().key, &rejected), IsEmpty());
  EXPECT_THAT(nowhere.List(true, &rejected), IsEmpty());
  EXPECT_THAT(rejected, IsEmpty());
  EXPECT_THAT(nowhere.Put(TestRecord()).status().message(),
              Mentions({"JITATTN_CACHE_DIR", "XDG_CACHE_HOME", "HOME"}));
  EXPECT_FALSE(nowhere.Remove("/x/y.toml").ok());
}

TEST_F(StoreTest, DamageIsAReason) {
  const Record record = TestRecord();
  WriteText(Path(record), "format = \"1.0\"\nkey = ");
  EXPECT_EQ(store_.Get(record.key).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(WhyNot(record.key), StartsWith(Path(record) + ":2: "));
  WriteText(Path(record), "format = \"3.0\"");
  EXPECT_EQ(store_.Get(record.key).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(WhyNot(record.key), Mentions({"3.0"}));
  WriteText(Path(record), std::string(kMaxRecordBytes + 1, '#'));
  EXPECT_THAT(WhyNot(record.key), Mentions({"65536"}));
  chmod(Path(record).c_str(), 0666);
  EXPECT_THAT(WhyNot(record.key), StartsWith(Path(record) + ": "));
  MustPut(record);  // a damaged record is replaced like any other
  EXPECT_TRUE(store_.Get(record.key).ok());
}

TEST_F(StoreTest, ACopyUnderAnotherNameIsRefused) {
  const Record record = TestRecord();
  const Key other = MakeKey(Attention(64, 64), {.threads = 2});
  MustPut(record);
  std::filesystem::copy_file(Path(record), store_.PathOf(other));
  EXPECT_EQ(WhyNot(other), store_.PathOf(other) + ": the record is for " + record.key.ToString() +
                               ", not for its file name");
}

TEST_F(StoreTest, ARecordOfAnotherCpuIsRefusedAndSaysSo) {
  Record record = TestRecord();
  record.fingerprint.family = "26";
  WriteText(Path(record), SerializeRecord(record));
  EXPECT_EQ(WhyNot(record.key), Path(record) + ": tuned on another cpu: family 25, was 26");
  record.fingerprint.family = "*";
  WriteText(Path(record), SerializeRecord(record));
  EXPECT_TRUE(store_.Get(record.key).ok()) << "relaxed";
}

TEST_F(StoreTest, SoftDifferencesMarkAsStale) {
  Record record = TestRecord();
  record.fingerprint.cores = "4";
  MustPut(record);
  EXPECT_EQ(store_.Get(record.key)->stale, "cores 8, was 4");
}

TEST_F(StoreTest, ACappedCpuReadsOnlyWhatItMayRun) {
  MustPut(TestRecord());
  Cpu capped = TestCpu();
  capped.isa = Isa::kAvx2;
  const Store store(folder_.path(), capped, HostFingerprint(capped));
  EXPECT_THAT(std::string(store.Get(TestRecord().key).status().message()),
              StartsWith(Path(TestRecord()) + ": "));
  EXPECT_EQ(store.Get(TestRecord().key).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, NearFindsNeighboursNearestFirst) {
  const Record near = TestRecord(Attention(512, 1024)), nearer = TestRecord(Attention(768, 1024)),
               exact = TestRecord(Attention(1024, 1024)), far = TestRecord(Attention(256, 1024));
  ops::AttentionProblem causal = Attention(1024, 1024);
  causal.mask = jit::Mask::kCausal;
  for (const Record& record : {near, nearer, exact, far, TestRecord(causal)}) MustPut(record);
  Record single = TestRecord(Attention(1024, 1024));
  single.key.conditions.threads = 1;
  single.config.set_threads(1);
  MustPut(single);
  WriteText(store_.PathOf(TestRecord(Attention(1536, 1024)).key), "damaged");
  WriteText(folder_ / kFolder + "/attn_f32_d64.notes.txt", "mine");

  std::vector<RejectedRecord> rejected;
  const auto found = store_.Near(exact.key, &rejected);
  EXPECT_THAT(KeysOf(found),
              ElementsAre(exact.key.ToString(), nearer.key.ToString(), near.key.ToString()));
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_THAT(rejected[0].why, StartsWith(rejected[0].path + ":1: "));
  EXPECT_EQ(store_.Near(exact.key, nullptr).size(), 3u);
}

TEST_F(StoreTest, ListsAllAndSaysWhatIsWrong) {
  const Record small = TestRecord(Attention(64, 64)), large = TestRecord(Attention(128, 64));
  MustPut(small);
  MustPut(large);
  WriteText(folder_ / kFolder + "/broken.toml", "?");
  WriteText(folder_ / kFolder + "/README", "not a record");
  Record foreign = TestRecord();
  foreign.fingerprint.vendor = "intel";
  const std::string foreign_path =
      folder_ / "intel-25-17-avx512" + "/" + foreign.key.ToString() + ".toml";
  WriteText(foreign_path, SerializeRecord(foreign));

  std::vector<RejectedRecord> rejected;
  EXPECT_THAT(KeysOf(store_.List(false, &rejected)),
              ElementsAre(large.key.ToString(), small.key.ToString()));
  ASSERT_EQ(rejected.size(), 1u);
  EXPECT_EQ(rejected[0].path, folder_ / kFolder + "/broken.toml");

  const auto all = store_.List(true, nullptr);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[2].path, foreign_path);
  EXPECT_FALSE(all[2].usable);
  EXPECT_TRUE(all[0].usable && all[1].usable);
  EXPECT_THAT(Store(folder_ / "none", TestCpu(), TestHost()).List(true, &rejected), IsEmpty());
}

TEST_F(StoreTest, RemovesRecordsAndNothingElse) {
  const Record record = TestRecord();
  MustPut(record);
  EXPECT_TRUE(store_.CheckRemovable(Path(record)).ok());
  EXPECT_TRUE(store_.Remove(Path(record)).ok());
  EXPECT_EQ(store_.Get(record.key).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_.Remove(Path(record)).code(), absl::StatusCode::kNotFound);
  WriteText(Path(record), "damaged");
  EXPECT_TRUE(store_.Remove(Path(record)).ok());

  // A link under a record's name, and files under other names, were put there by somebody else.
  WriteText(folder_ / "target", "precious");
  ASSERT_EQ(symlink("../target", Path(record).c_str()), 0);
  std::vector<std::string> foreign = {Path(record)};
  for (const char* name :
       {"pyproject.toml", "attn_f32.toml", "attn_f32_d64.b1h1g1.q1k1.t2.hot.toml",
        "attn_f32_d64.b1h1g1.q1k1.t2.avx9.hot.toml", "silu_f32.r1c64.t2.avx2.warm.toml",
        "silu_F32.r1c64.t2.avx2.hot.toml"}) {
    foreign.push_back(folder_ / kFolder + "/" + name);
    WriteText(foreign.back(), "precious");
  }
  for (const std::string& path : foreign) {
    EXPECT_EQ(store_.CheckRemovable(path).code(), absl::StatusCode::kFailedPrecondition) << path;
    EXPECT_EQ(store_.Remove(path).code(), absl::StatusCode::kFailedPrecondition) << path;
    EXPECT_EQ(ReadText(path), "precious");
  }

  TemporaryFolder other;
  WriteText(other / "sub/f.toml", "precious");
  WriteText(folder_ / "f.toml", "precious");
  WriteText(folder_ / kFolder + "/notes.txt", "precious");
  WriteText(folder_ / kFolder + "/deep/f.toml", "precious");
  ASSERT_EQ(symlink((other / "sub").c_str(), (folder_ / "link").c_str()), 0);
  const std::string up =
      folder_ / kFolder + "/../../" + std::filesystem::path(other.path()).filename().string();
  for (const std::string& path :
       {other / "sub/f.toml", folder_ / "f.toml", folder_ / kFolder + "/notes.txt",
        folder_ / kFolder + "/deep/f.toml", folder_ / "link/f.toml", up + "/sub/f.toml",
        folder_ / "../f.toml", folder_ / "./f.toml", folder_ / ".toml", folder_.path(),
        std::string("f.toml"), std::string("/"), std::string()}) {
    EXPECT_FALSE(store_.Remove(path).ok()) << path;
  }
  EXPECT_THAT(std::string(store_.Remove(other / "sub/f.toml").message()),
              Mentions({folder_.path()}));
  EXPECT_EQ(ReadText(other / "sub/f.toml"), "precious");
  EXPECT_EQ(ReadText(folder_ / "f.toml"), "precious");
  EXPECT_EQ(ReadText(folder_ / kFolder + "/notes.txt"), "precious");
  EXPECT_EQ(ReadText(folder_ / kFolder + "/deep/f.toml"), "precious");
}

TEST_F(StoreTest, EveryKeyMakesARemovableName) {
  const ops::Problem problems[] = {
      Attention(7, 9), ops::AttentionProblem{.mask = jit::Mask::kCausal, .value_dim = 32},
      ops::AttentionProblem{.dtype = DType::kBF16},
      ops::SigmoidMulProblem{.dtype = DType::kF16, .rows = 3, .cols = 5}};
  for (const ops::Problem& problem : problems) {
    for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      for (const auto buffers : {ops::Buffers::kHot, ops::Buffers::kCold}) {
        const std::string path =
            store_.PathOf(MakeKey(problem, {.threads = 12, .isa = isa, .buffers = buffers}));
        WriteText(path, "damaged");
        EXPECT_TRUE(store_.Remove(path).ok()) << path;
      }
    }
  }
}

TEST_F(StoreTest, TellsBeforehandThatNothingCanBePut) {
  EXPECT_TRUE(store_.CheckWritable().ok());
  EXPECT_THAT(store_.List(false, nullptr), IsEmpty());
  WriteText(folder_ / "file", "");
  EXPECT_FALSE(Store(folder_ / "file", TestCpu(), TestHost()).CheckWritable().ok());
  EXPECT_FALSE(Store("", TestCpu(), TestHost()).CheckWritable().ok());
}

TEST_F(StoreTest, RootMayBeWrittenInManyWays) {
  MustPut(TestRecord());
  for (const std::string& root :
       {folder_.path() + "/", folder_.path() + "//", folder_ / "./x/.."}) {
    const Store store(root, TestCpu(), TestHost());
    EXPECT_EQ(store.root(), folder_.path());
    EXPECT_TRUE(store.Get(TestRecord().key).ok()) << root;
  }
}

}  // namespace
}  // namespace jitattn::cache
