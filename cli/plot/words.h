// Words in pictures: as wide as their place, numbers with their units.

#ifndef JITATTN_CLI_PLOT_WORDS_H_
#define JITATTN_CLI_PLOT_WORDS_H_

#include <string>
#include <string_view>
#include <vector>

namespace jitattn::cli {

// Pixels that `text` takes at most in a sans-serif face of `size` pixels.
double TextWidth(std::string_view text, double size);
// `text`, or as much of both its ends as fits, with … between.
std::string Fit(std::string_view text, double width, double size);
// Lines that fit; a word that is too long alone is cut by Fit.
std::vector<std::string> Wrap(std::string_view text, double width, double size);

std::string SecondsWord(double seconds);      // "10 µs": for a tick
std::string CountWord(double count);          // "16 Ki" from 16384 on, else "400"
std::string NumberWord(double number);        // "0.25", four digits at most
std::string FileStem(std::string_view path);  // "x" of "a/x.json"
// Letters, digits and '-' only, for the name of a file or of an element.
std::string Slug(std::string_view text);

}  // namespace jitattn::cli

#endif  // JITATTN_CLI_PLOT_WORDS_H_
