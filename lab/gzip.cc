// Decompression by zlib, if the build found it.

#include "lab/gzip.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#if JITATTN_ZLIB
#include <zlib.h>

#include <algorithm>
#include <limits>
#endif

namespace jitattn::lab {

bool IsGzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

#if JITATTN_ZLIB

namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;

}  // namespace

absl::StatusOr<std::string> Gunzip(std::string_view bytes, int64_t max_bytes) {
  z_stream stream = {};
  if (inflateInit2(&stream, kGzipOnly) != Z_OK) {
    return absl::ResourceExhaustedError("not enough memory to decompress");
  }
  std::string text;
  std::string chunk(size_t{1} << 18, '\0');
  absl::Status status;
  size_t taken = 0;
  do {
    const size_t offered = std::min<size_t>(bytes.size() - taken, std::numeric_limits<uInt>::max());
    // zlib's next_in is not const, but zlib does not write to it.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + taken));
    stream.avail_in = static_cast<uInt>(offered);
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    taken += offered - stream.avail_in;
    text.append(chunk.data(), chunk.size() - stream.avail_out);
    if (text.size() > static_cast<size_t>(max_bytes)) {
      status = absl::DataLossError(
          absl::StrCat("gzip: decompresses to more than ", max_bytes >> 20, " MiB"));
      break;
    }
    if (result == Z_STREAM_END) {
      if (taken == bytes.size()) break;
      inflateReset(&stream);  // another member follows
    } else if (result != Z_OK) {
      const bool cut = result == Z_BUF_ERROR && taken == bytes.size();
      status = absl::DataLossError(
          cut ? "gzip: cut short"
              : absl::StrCat("gzip: ", stream.msg != nullptr ? stream.msg : "damaged"));
    }
  } while (status.ok());
  inflateEnd(&stream);
  if (!status.ok()) return status;
  return text;
}

#else

absl::StatusOr<std::string> Gunzip(std::string_view, int64_t) {
  return absl::UnimplementedError(
      "compressed by gzip, and this build has no zlib: decompress it first");
}

#endif

}  // namespace jitattn::lab
