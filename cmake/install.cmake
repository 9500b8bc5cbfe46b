# `cmake --install`: headers, library, command, and the package files by which CMake and pkg-config
# find them.

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/jitattn)

install(DIRECTORY include/jitattn TYPE INCLUDE FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(TARGETS jitattn_library EXPORT jitattn_targets)
if(JITATTN_BUILD_COMMAND)
  install(TARGETS jitattn_command)
  install(TARGETS jitattn_lab_command RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/jitattn)
endif()

install(EXPORT jitattn_targets NAMESPACE jitattn:: FILE jitattn-config.cmake
        DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/jitattn-config-version.cmake
                                 COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/jitattn-config-version.cmake DESTINATION ${package_dir})

# The .pc file derives the prefix from its own location, so that an installed tree can be moved.
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH prefix_from_pkgconfig /p/${pkgconfig_dir} /p)
configure_file(${PROJECT_SOURCE_DIR}/cmake/jitattn.pc.in ${PROJECT_BINARY_DIR}/jitattn.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/jitattn.pc DESTINATION ${pkgconfig_dir})
