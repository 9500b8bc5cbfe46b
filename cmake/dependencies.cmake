# Third-party packages: the system's package if there is one, else a pinned source tree.
#
# A package is fetched if find_package does not find it. A user can set
# FETCHCONTENT_SOURCE_DIR_<NAME> to a source tree, which also works without a network. Pins are
# commits, since a tag can be moved. Versions are those of Debian 12, except for Abseil, of which
# newer compilers need a newer version.

include(FetchContent)

# jitattn_dependency(<name> <target> REPOSITORY <url> COMMIT <sha> [PACKAGE <find_package args>...]
#                    [HEADERS <folder> | TARGET <its name there>])
# Makes <target> exist. <name> in upper case is the suffix of FETCHCONTENT_SOURCE_DIR_<NAME>. Of a
# header-only package only the folder of headers is used, not its build.
function(jitattn_dependency name target)
  cmake_parse_arguments(arg "" "REPOSITORY;COMMIT;HEADERS;TARGET" "PACKAGE" ${ARGN})
  string(TOUPPER ${name} upper)
  if(arg_PACKAGE AND NOT FETCHCONTENT_SOURCE_DIR_${upper})
    find_package(${arg_PACKAGE} QUIET GLOBAL)
  endif()
  if(TARGET ${target})
    message(STATUS "${name}: system package")
    return()
  endif()
  message(STATUS "${name}: source tree ${arg_COMMIT}")
  # With a SOURCE_SUBDIR that does not exist, MakeAvailable only fetches. The package is added
  # below, so that it installs nothing with jitattn and its headers count as system headers.
  FetchContent_Declare(${name} GIT_REPOSITORY ${arg_REPOSITORY} GIT_TAG ${arg_COMMIT}
                       SOURCE_SUBDIR none)
  FetchContent_MakeAvailable(${name})
  if(arg_HEADERS)
    add_library(${target} INTERFACE IMPORTED GLOBAL)
    target_include_directories(${target} INTERFACE ${${name}_SOURCE_DIR}/${arg_HEADERS})
    return()
  endif()
  set(BUILD_SHARED_LIBS OFF)
  set(BUILD_TESTING OFF)
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # old packages, too, respect the options that callers set
  set(CMAKE_POLICY_VERSION_MINIMUM 3.5)  # for packages that require CMake 2.6, under CMake 4
  set(CMAKE_WARN_DEPRECATED OFF)
  add_subdirectory(${${name}_SOURCE_DIR} ${${name}_BINARY_DIR} EXCLUDE_FROM_ALL SYSTEM)
  if(arg_TARGET)
    add_library(${target} ALIAS ${arg_TARGET})
  endif()
endfunction()

find_package(Threads REQUIRED)
if(JITATTN_OPENMP)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
endif()

# ---- The library's own --------------------------------------------------------------------------

# The system's Abseil may be an archive without PIC or a shared library; JITATTN_BUNDLE
# builds and links its own.
set(ABSL_PROPAGATE_CXX_STD ON)
set(ABSL_ENABLE_INSTALL OFF)
set(absl_package absl CONFIG)
if(JITATTN_BUNDLE)
  set(absl_package)
endif()
jitattn_dependency(absl absl::statusor PACKAGE ${absl_package}
  REPOSITORY https://github.com/abseil/abseil-cpp.git
  COMMIT 4447c7562e3bc702ade25105912dce503f0c4010)  # 20240722.0

# Emitted bytes depend on the version: the hashes in tests/golden were made with this one.
jitattn_dependency(xbyak xbyak::xbyak PACKAGE xbyak CONFIG HEADERS .
  REPOSITORY https://github.com/herumi/xbyak.git
  COMMIT a1ac3750f9a639b5a6c6d6c7da4259b8d6790989)  # v6.68

# Only its headers are used, even if the package has a library: one shared library fewer to load
# when an application starts. See cache/toml.cc for how they are compiled.
jitattn_dependency(tomlplusplus tomlplusplus::tomlplusplus PACKAGE tomlplusplus CONFIG HEADERS include
  REPOSITORY https://github.com/marzer/tomlplusplus.git
  COMMIT c635f218c0aefc801d9748841930365e54fe3089)  # v3.3.0
add_library(jitattn_tomlplusplus INTERFACE)
target_include_directories(jitattn_tomlplusplus SYSTEM INTERFACE
  $<TARGET_PROPERTY:tomlplusplus::tomlplusplus,INTERFACE_INCLUDE_DIRECTORIES>)

jitattn_dependency(eigen Eigen3::Eigen PACKAGE Eigen3 3.4 CONFIG HEADERS .
  REPOSITORY https://gitlab.com/libeigen/eigen.git
  COMMIT 3147391d946bb4b6c68edd901f2add6ac1f31f8c)  # 3.4.0

jitattn_dependency(nlohmann_json nlohmann_json::nlohmann_json
  PACKAGE nlohmann_json 3.11 CONFIG HEADERS include
  REPOSITORY https://github.com/nlohmann/json.git
  COMMIT bc889afb4c5bf1c0d8ee29ef35eaaf4c8bef8a5d)  # v3.11.2

# ---- The command's ------------------------------------------------------------------------------

if(JITATTN_BUILD_COMMAND OR JITATTN_BUILD_TESTS)
  jitattn_dependency(cli11 CLI11::CLI11 PACKAGE CLI11 CONFIG HEADERS include
    REPOSITORY https://github.com/CLIUtils/CLI11.git
    COMMIT 70f8072f9dd2292fd0b9f9e5f58e279f60483ed3)  # v2.1.2

  set(ZYDIS_BUILD_TOOLS OFF)
  set(ZYDIS_BUILD_EXAMPLES OFF)
  set(zydis_package zydis CONFIG)
  if(JITATTN_BUNDLE)
    set(zydis_package)
  endif()
  jitattn_dependency(zydis Zydis::Zydis PACKAGE ${zydis_package} TARGET Zydis  # includes its submodule
    REPOSITORY https://github.com/zyantific/zydis.git
    COMMIT 1ba75aeefae37094c7be8eba07ff81d4fe0f1f20)  # v4.0.0
endif()

# hwloc has no CMake build and is not fetched. Without it the command prints less about the machine.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(hwloc IMPORTED_TARGET hwloc)
endif()
if(NOT hwloc_FOUND)
  message(STATUS "hwloc: not found, `jitattn cpu` prints no topology")
endif()

# zlib's CMake build writes into its source tree and exports no headers, so zlib is not fetched.
find_package(ZLIB QUIET)
if(NOT ZLIB_FOUND)
  message(STATUS "zlib: not found, `jitattn replay` reads no .json.gz")
endif()

# ---- Tests and benchmarks -----------------------------------------------------------------------

if(JITATTN_BUILD_TESTS)
  jitattn_dependency(googletest GTest::gmock PACKAGE GTest CONFIG
    REPOSITORY https://github.com/google/googletest.git
    COMMIT 58d77fa8070e8cec2dc1ed015d66b454c8d78850)  # 1.12.1
endif()

if(JITATTN_BUILD_BENCH)
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  jitattn_dependency(benchmark benchmark::benchmark PACKAGE benchmark CONFIG
    REPOSITORY https://github.com/google/benchmark.git
    COMMIT d572f4777349d43653b21d6c2fc63020ab326db2)  # v1.7.1
endif()
