# Toolchain of the clang preset. Debian 12 calls clang 14 plain `clang`, which is too old for us.
find_program(CMAKE_C_COMPILER NAMES clang-16 clang REQUIRED)
find_program(CMAKE_CXX_COMPILER NAMES clang++-16 clang++ REQUIRED)
