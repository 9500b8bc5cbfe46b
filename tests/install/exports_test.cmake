# The dynamic symbols of the built library against the functions that jitattn.h declares.
#   cmake -DLIBRARY=… -DHEADER=… -DNM=… -P exports_test.cmake

execute_process(COMMAND ${NM} -D --defined-only --format=posix ${LIBRARY}
                OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" symbols "${symbols}")
set(exported)
foreach(symbol IN LISTS symbols)
  # "jitattn_run@@JITATTN_0 T 1f40 20"; the version node itself is an absolute symbol (A).
  if(NOT symbol MATCHES "^([^ @]+)[^ ]* ([A-Za-z])")
    message(FATAL_ERROR "nm said: ${symbol}")
  endif()
  if(NOT CMAKE_MATCH_2 STREQUAL "A")
    list(APPEND exported ${CMAKE_MATCH_1})
  endif()
endforeach()

file(READ ${HEADER} header)
string(REGEX REPLACE "/\\*([^*]|\\*[^/])*\\*/" "" header "${header}")
string(REGEX MATCHALL "JITATTN_API [^(]*[ *](jitattn_[a-z0-9_]+)\\(" declarations "${header}")
set(declared)
foreach(declaration IN LISTS declarations)
  string(REGEX REPLACE ".*(jitattn_[a-z0-9_]+)\\($" "\\1" name "${declaration}")
  list(APPEND declared ${name})
endforeach()

list(SORT exported)
list(SORT declared)
list(LENGTH declared count)
if(count LESS 15)
  message(FATAL_ERROR "only ${count} functions found in ${HEADER}: ${declared}")
endif()
if(NOT exported STREQUAL declared)
  message(FATAL_ERROR "exported: ${exported}\ndeclared: ${declared}")
endif()
message(STATUS "${count} functions, all declared and nothing else")
