# Installs into a fresh prefix; builds and runs the examples against it, found by CMake and found by
# pkg-config.
#   cmake -DBUILD=… -DSOURCE=… -DWORK=… -DGENERATOR=… -DCC=… -DCXX=… -DCFLAGS=… -DCXXFLAGS=…
#         -DLIBDIR=… -P install_test.cmake

set(prefix ${WORK}/prefix)
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT result EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}: ${result}\n${out}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

# The examples print what they computed beside what it should be.
function(check_examples c cpp)
  set(ENV{JITATTN_CACHE_DIR} ${WORK}/cache)
  run(${c})
  if(NOT out MATCHES "row 100: (-?[0-9.]+), by hand (-?[0-9.]+)")
    message(FATAL_ERROR "${c} printed: ${out}")
  endif()
  string(SUBSTRING "${CMAKE_MATCH_1}" 0 6 computed)  # "0.1234": float32 against double
  string(SUBSTRING "${CMAKE_MATCH_2}" 0 6 expected)
  if(NOT computed STREQUAL expected)
    message(FATAL_ERROR "${c} printed: ${out}")
  endif()
  run(${cpp})
  if(NOT out MATCHES "outputs from 0.(500000|499999)[^ ]* to 0.50000[01]," OR
     NOT out MATCHES "silu\\(-2 … 2\\): -0.2384 -0.2689 0.0000 0.7311 1.7616")
    message(FATAL_ERROR "${cpp} printed: ${out}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
foreach(file include/jitattn/jitattn.h include/jitattn/jitattn.hpp ${LIBDIR}/libjitattn.so.0
             ${LIBDIR}/pkgconfig/jitattn.pc ${LIBDIR}/cmake/jitattn/jitattn-config.cmake)
  if(NOT EXISTS ${prefix}/${file})
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()
# Nothing of other packages comes along.
file(GLOB_RECURSE headers RELATIVE ${prefix}/include ${prefix}/include/*)
list(SORT headers)
if(NOT headers STREQUAL "jitattn/jitattn.h;jitattn/jitattn.hpp")
  message(FATAL_ERROR "headers installed: ${headers}")
endif()

run(${CMAKE_COMMAND} -S ${SOURCE}/examples -B ${WORK}/by_cmake -G ${GENERATOR}
    -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_C_COMPILER=${CC} -DCMAKE_CXX_COMPILER=${CXX}
    -DCMAKE_C_FLAGS=${CFLAGS} -DCMAKE_CXX_FLAGS=${CXXFLAGS})
run(${CMAKE_COMMAND} --build ${WORK}/by_cmake)
check_examples(${WORK}/by_cmake/attention_c ${WORK}/by_cmake/attention_cpp)
# These compare their own results.
run(${WORK}/by_cmake/decoder_c)
run(${WORK}/by_cmake/decoder_cpp)
run(${WORK}/by_cmake/append_c)

find_program(pkg_config pkg-config)
if(NOT pkg_config)
  message(STATUS "no pkg-config: that half is not tested")
  return()
endif()

# README's program, and its very lines: but for the prefix, this build's compiler, and the name that
# this system has for lib.
file(READ ${SOURCE}/README.md readme)
if(NOT readme MATCHES "```c\n(#include <jitattn/jitattn.h>\n)([^`]*)```")
  message(FATAL_ERROR "README has no program in C")
endif()
set(include "${CMAKE_MATCH_1}")
file(WRITE ${WORK}/app.c "#include <stdio.h>\n#include <stdlib.h>\n${include}
int main(void) {
  float* q = calloc(4 * 16 * 1024 * 64, sizeof *q);
  float *k = q + 16 * 1024 * 64, *v = k + 16 * 1024 * 64, *out = v + 16 * 1024 * 64;
  v[0] = 1;
${CMAKE_MATCH_2}
  printf(\"out %g\\n\", out[0]);
  free(q);
  return 0;
}
")
if(NOT readme MATCHES "\n(export PKG_CONFIG_PATH=/opt/jitattn/lib/pkgconfig [^\n]*)\ncc (app\\.c [^\n]*)\n")
  message(FATAL_ERROR "README has no line that compiles it")
endif()
string(REPLACE "/opt/jitattn/lib" "${prefix}/${LIBDIR}" export "${CMAKE_MATCH_1}")
run(sh -c "cd ${WORK} && ${export} && ${CC} ${CFLAGS} ${CMAKE_MATCH_2} && ./a.out")
if(NOT out STREQUAL "out 1\n")  # query 0 sees key 0 only
  message(FATAL_ERROR "README's program printed: ${out}")
endif()

set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
run(${pkg_config} --cflags --libs jitattn)
separate_arguments(flags UNIX_COMMAND "${out}")
separate_arguments(CFLAGS UNIX_COMMAND "${CFLAGS}")
separate_arguments(CXXFLAGS UNIX_COMMAND "${CXXFLAGS}")
set(rpath -Wl,-rpath,${prefix}/${LIBDIR})
run(${CC} -std=c11 ${CFLAGS} ${SOURCE}/examples/attention.c -o ${WORK}/c ${flags} ${rpath} -lm)
run(${CXX} -std=c++20 ${CXXFLAGS} ${SOURCE}/examples/attention.cpp -o ${WORK}/cpp ${flags}
    ${rpath})
check_examples(${WORK}/c ${WORK}/cpp)
