/* A message that is too long is cut after a whole character. */

#include "life.h"

/* Number of bytes of the UTF-8 character that begins here, or 0. */
static int CharacterAt(const char* text) {
  const unsigned char lead = (unsigned char)*text;
  const int bytes = lead < 0x80       ? 1
                    : lead >> 5 == 6  ? 2
                    : lead >> 4 == 14 ? 3
                    : lead >> 3 == 30 ? 4
                                      : 0;
  for (int i = 1; i < bytes; ++i) {
    if (((unsigned char)text[i] & 0xC0) != 0x80) return 0;
  }
  return bytes;
}

int main(void) {
  const char* const characters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x99\x82"};
  jitattn_sigmoid_mul_problem problem;
  jitattn_sigmoid_mul_problem_init(&problem, 1, 64);
  jitattn_plan_options options;
  jitattn_plan_options_init(&options);
  int full = 0;
  for (int c = 0; c < 4; ++c) {
    for (int shift = 0; shift < 4; ++shift) {
      char config[4096] = "xyz";
      config[shift] = '\0';
      for (int i = 0; i < 900; ++i) strcat(config, characters[c]);
      strcat(config, "=1");
      options.config = config;
      jitattn_plan* plan;
      CHECK(jitattn_sigmoid_mul_plan(&problem, &options, &plan) == JITATTN_INVALID_ARGUMENT,
            "taken");
      const char* message = jitattn_last_error();
      const size_t length = strlen(message);
      CHECK(length > 0 && length < 1024, "%zu bytes", length);
      full += length >= 1020;
      for (const char* at = message; *at != '\0';) {
        const int bytes = CharacterAt(at);
        CHECK(bytes > 0, "no UTF-8 at byte %d of %s", (int)(at - message), message);
        at += bytes;
      }
    }
  }
  CHECK(full >= 12, "only %d messages were long enough to be cut", full);
  return kRight;
}
