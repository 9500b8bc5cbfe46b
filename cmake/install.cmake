# `cmake --install`: headers, library, command, and the package files by which CMake and pkg-config
# find them.

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/jitattn)

install(DIRECTORY include/jitattn TYPE INCLUDE FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
if(SKBUILD)
  # A wheel holds no symbolic links: one file, and a linker script in place of the link for `-l`.
  install(TARGETS jitattn_library EXPORT jitattn_targets LIBRARY NAMELINK_SKIP)
  file(CONFIGURE OUTPUT wheel/libjitattn.so CONTENT "INPUT(libjitattn.so.@PROJECT_VERSION_MAJOR@)\n" @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/wheel/libjitattn.so DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(TARGETS jitattn_command)
else()
  install(TARGETS jitattn_library EXPORT jitattn_targets)
endif()
if(JITATTN_BUILD_COMMAND AND NOT SKBUILD)
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
