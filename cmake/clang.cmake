# Toolchain of the clang preset. Debian 12's plain `clang` is clang 14, which is too old.
find_program(CMAKE_C_COMPILER NAMES clang-16 clang REQUIRED)
find_program(CMAKE_CXX_COMPILER NAMES clang++-16 clang++ REQUIRED)
