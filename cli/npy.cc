// Reading and writing .npy files.

#include "cli/npy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/io.h"

namespace jitattn::cli {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kPrefixV1 = 10, kPrefixV2 = 12;  // magic, version, length of the dictionary
// NumPy refuses dictionaries longer than 10,000 bytes; three keys need about 100.
constexpr size_t kMaxDictionary = 10000;
constexpr size_t kMaxRank = 32;  // NumPy's own limit

absl::Status Bad(std::string_view why) {
  return absl::DataLossError(absl::StrFormat("not a usable .npy file: %s", why));
}

// The Python dictionary of a header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class Dictionary {
 public:
  explicit Dictionary(std::string_view text) : rest_(text) {}

  absl::Status Parse() {
    if (!Eat('{')) return Bad("its header is not a dictionary");
    while (!Eat('}')) {
      std::string key;
      if (!String(&key) || !Eat(':')) return Bad("its header is damaged");
      if (!Value(key)) return Bad(absl::StrFormat("its header has no valid value for '%s'", key));
      if (!Eat(',') && !Peek('}')) return Bad("its header is damaged");
    }
    Skip();
    if (!rest_.empty()) return Bad("its header continues after the dictionary");
    if (!descr || !fortran_order || !shape) {
      return Bad("its header lacks one of 'descr', 'fortran_order', 'shape'");
    }
    return absl::OkStatus();
  }

  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;

 private:
  void Skip() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size())); }
  bool Peek(char c) {
    Skip();
    return rest_.starts_with(c);
  }
  bool Eat(char c) {
    if (!Peek(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Eat(std::string_view word) {
    Skip();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool String(std::string* out) {
    Skip();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return false;
    const size_t end = rest_.find(rest_[0], 1);
    if (end == rest_.npos) return false;
    *out = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return true;
  }

  bool Value(std::string_view key) {
    if (key == "descr") {
      descr.emplace();
      return String(&*descr);
    }
    if (key == "fortran_order") {
      fortran_order = Eat("True");
      return *fortran_order || Eat("False");
    }
    return key == "shape" && Shape();
  }

  bool Shape() {
    shape.emplace();
    if (!Eat('(')) return false;
    while (!Eat(')')) {
      Skip();
      const size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
      int64_t size = 0;
      const std::string text(rest_.substr(0, digits));
      if (!absl::SimpleAtoi(text, &size) || shape->size() == kMaxRank) return false;
      rest_.remove_prefix(digits);
      Eat('L');  // Python 2 wrote long integers as 3L
      shape->push_back(size);
      if (!Eat(',') && !Peek(')')) return false;
    }
    return true;
  }

  std::string_view rest_;
};

struct Descr {
  std::string_view text, name;
  NpyElement element;
  DType dtype = DType::kF32;  // of numbers
};
constexpr Descr kDescrs[] = {
    {"<f4", "float32", NpyElement::kNumber, DType::kF32},
    {"<f8", "float64", NpyElement::kNumber, DType::kF64},
    {"<f2", "float16", NpyElement::kNumber, DType::kF16},
    {"<u2", "the bits of bfloat16 as uint16", NpyElement::kNumber, DType::kBF16},
    {"|b1", "bool", NpyElement::kByte},
    {"|u1", "uint8", NpyElement::kByte},
    {"<i8", "int64", NpyElement::kInt64},
    {"<i4", "int32", NpyElement::kInt32},
};

bool Takes(NpyKind kind, NpyElement element) {
  if (element == NpyElement::kNumber) return kind != NpyKind::kIntegers;
  return kind == (element == NpyElement::kByte ? NpyKind::kNumbersOrBytes : NpyKind::kIntegers);
}

absl::StatusOr<Descr> DescrOf(std::string_view text, NpyKind kind) {
  std::vector<std::string> expected;
  for (const Descr& descr : kDescrs) {
    if (!Takes(kind, descr.element)) continue;
    if (descr.text == text) return descr;
    if (text.starts_with('>') && text.substr(1) == descr.text.substr(1)) {
      return Bad(absl::StrFormat("its numbers are big-endian; save as '%s'", descr.text));
    }
    expected.push_back(absl::StrFormat("%s ('%s')", descr.name, descr.text));
  }
  const std::string last = std::move(expected.back());
  expected.pop_back();
  return Bad(absl::StrFormat("its elements are '%s'; expected %s or %s", text,
                             absl::StrJoin(expected, ", "), last));
}

std::string_view DescrOf(DType dtype) {
  for (const Descr& descr : kDescrs) {
    if (descr.element == NpyElement::kNumber && descr.dtype == dtype) return descr.text;
  }
  return kDescrs[0].text;
}

int64_t BytesOf(NpyElement element, DType dtype) {
  switch (element) {
    case NpyElement::kNumber:
      return SizeOf(dtype);
    case NpyElement::kByte:
      return 1;
    case NpyElement::kInt32:
      return 4;
    case NpyElement::kInt64:
      break;
  }
  return 8;
}

// Closes the file, and removes a partly written one, on every return from a function.
struct File {
  int fd = -1;
  std::string remove;
  ~File() {
    if (fd >= 0) close(fd);
    if (!remove.empty()) unlink(remove.c_str());
  }
};

absl::Status SystemError(std::string_view what, const std::string& path) {
  return absl::UnavailableError(absl::StrFormat("cannot %s %s: %s", what, path, strerror(errno)));
}

absl::Status Named(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", std::string(status.message())));
}

}  // namespace

int64_t NpyArray::count() const { return data.bytes() / BytesOf(element, dtype); }

std::string_view ElementName(const NpyArray& array) {
  for (const Descr& descr : kDescrs) {
    if (descr.element == array.element && descr.dtype == array.dtype) return descr.name;
  }
  return "";
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return shape.empty() ? "a single number" : absl::StrJoin(shape, " × ");
}

absl::StatusOr<NpyHeader> ParseNpyHeader(std::string_view bytes, NpyKind kind) {
  if (!bytes.starts_with(kMagic)) return Bad("it does not begin with \\x93NUMPY");
  if (bytes.size() < kPrefixV1) return Bad("it ends within its header");
  auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(bytes[i])); };
  const size_t major = byte(6);
  if (major < 1 || major > 3) {
    return Bad(absl::StrFormat("its format is %d.%d; 1.0 to 3.0 are supported", major, byte(7)));
  }
  const size_t prefix = major == 1 ? kPrefixV1 : kPrefixV2;
  if (bytes.size() < prefix) return Bad("it ends within its header");
  size_t length = byte(8) | byte(9) << 8;
  if (major > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > kMaxDictionary) return Bad("its header is longer than 10000 bytes");
  if (bytes.size() < prefix + length) return Bad("it ends within its header");

  Dictionary dictionary(bytes.substr(prefix, length));
  if (absl::Status status = dictionary.Parse(); !status.ok()) return status;
  NpyHeader header;
  const absl::StatusOr<Descr> descr = DescrOf(*dictionary.descr, kind);
  if (!descr.ok()) return descr.status();
  header.element = descr->element;
  header.dtype = descr->dtype;
  header.shape = *dictionary.shape;
  if (*dictionary.fortran_order && header.shape.size() > 1) {
    return Bad("it is in Fortran order; convert it with numpy.ascontiguousarray");
  }
  header.data_offset = static_cast<int64_t>(prefix + length);
  header.data_bytes = BytesOf(header.element, header.dtype);
  for (const int64_t size : header.shape) {
    if (__builtin_mul_overflow(header.data_bytes, size, &header.data_bytes) ||
        header.data_bytes >= int64_t{1} << 62) {
      return Bad(
          absl::StrFormat("its shape %s is larger than any memory", ShapeText(header.shape)));
    }
  }
  return header;
}

absl::StatusOr<NpyArray> ReadNpy(const std::string& path, NpyKind kind) {
  if (path.empty()) return absl::InvalidArgumentError("the name of a file is empty");
  // Without O_NONBLOCK, open() would wait for the writer of a FIFO.
  File file{.fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
  if (file.fd < 0) return SystemError("open", path);
  struct stat info;
  if (fstat(file.fd, &info) != 0) return SystemError("read", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::DataLossError(absl::StrCat(path, ": not a regular file"));
  }
  std::string start(kPrefixV2 + kMaxDictionary, '\0');
  const int64_t read = ReadFully(file.fd, start.data(), std::ssize(start), 0);
  if (read < 0) return SystemError("read", path);
  start.resize(static_cast<size_t>(read));
  absl::StatusOr<NpyHeader> header = ParseNpyHeader(start, kind);
  if (!header.ok()) return Named(path, header.status());
  const int64_t there = info.st_size - header->data_offset;
  if (there != header->data_bytes) {
    return absl::DataLossError(
        absl::StrFormat("%s: not a usable .npy file: %s elements take %d bytes, the file has %d",
                        path, ShapeText(header->shape), header->data_bytes, there));
  }
  absl::StatusOr<Buffer> data = Buffer::Create(header->data_bytes);
  if (!data.ok()) return Named(path, data.status());
  if (ReadFully(file.fd, data->data(), data->bytes(), header->data_offset) != data->bytes()) {
    return SystemError("read", path);
  }
  return NpyArray{header->dtype, header->shape, std::move(*data), header->element};
}

absl::Status CheckNpyTarget(std::string_view flag, const std::string& path) {
  const std::filesystem::path target(path);
  const auto refused = [&](std::string_view why) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: cannot write %s: %s", flag, path, why));
  };
  if (path.empty()) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: the name of a file is empty", flag));
  }
  struct stat info;
  const bool exists = stat(path.c_str(), &info) == 0;
  if (exists ? S_ISDIR(info.st_mode) : !target.has_filename()) return refused(strerror(EISDIR));
  const bool replaced = !exists || S_ISREG(info.st_mode);
  // With "/." the error of a path below a file is that it is not a folder.
  const std::string folder = target.has_parent_path() ? target.parent_path() / "." : ".";
  const std::string& needed = replaced ? folder : path;
  if (access(needed.c_str(), replaced ? W_OK | X_OK : W_OK) == 0) return absl::OkStatus();
  return refused(strerror(errno));
}

absl::Status WriteNpy(const std::string& path, DType dtype, const std::vector<int64_t>& shape,
                      const void* data) {
  int64_t bytes = SizeOf(dtype);
  for (const int64_t size : shape) bytes *= size;
  // A tuple of one element needs a comma. Blanks and a newline align the elements to 64 bytes.
  std::string header =
      absl::StrFormat("{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }", DescrOf(dtype),
                      absl::StrJoin(shape, ", "), shape.size() == 1 ? "," : "");
  header.append(63 - (kPrefixV1 + header.size()) % 64, ' ');
  header.push_back('\n');
  const std::string prefix = absl::StrCat(std::string(kMagic), std::string("\x01\x00", 2),
                                          std::string({static_cast<char>(header.size() & 0xff),
                                                       static_cast<char>(header.size() >> 8)}));

  struct stat info;
  const bool exists = stat(path.c_str(), &info) == 0;
  const bool replace = !exists || S_ISREG(info.st_mode);  // a pipe or device is written in place
  const std::string target = replace ? absl::StrFormat("%s.%d.part", path, getpid()) : path;
  const int flags = O_WRONLY | O_CLOEXEC | (replace ? O_CREAT | O_EXCL : 0);
  File file{.fd = open(target.c_str(), flags, 0666)};
  if (file.fd < 0) return SystemError("write", path);
  if (replace) file.remove = target;
  if (!WriteFully(file.fd, prefix.data(), prefix.size()) ||
      !WriteFully(file.fd, header.data(), header.size()) || !WriteFully(file.fd, data, bytes)) {
    return SystemError("write", path);
  }
  if (replace && rename(target.c_str(), path.c_str()) != 0) return SystemError("write", path);
  file.remove.clear();
  return absl::OkStatus();
}

}  // namespace jitattn::cli
