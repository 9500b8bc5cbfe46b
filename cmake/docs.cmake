# The target `docs`: pages of the public headers, README.md and docs/ in build/docs/html. Doxygen is
# looked for when the target is made, since ./dev docs installs it after the configuration.

configure_file(cmake/Doxyfile.in ${PROJECT_BINARY_DIR}/Doxyfile @ONLY)
add_custom_target(docs
  COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/docs
  COMMAND doxygen ${PROJECT_BINARY_DIR}/Doxyfile
  COMMENT "Writing ${PROJECT_BINARY_DIR}/docs/html/index.html"
  VERBATIM)
