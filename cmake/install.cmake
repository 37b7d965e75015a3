# SPDX-License-Identifier: BSD-3-Clause
#
# What an installation holds: libunweight.a (the objects of every library room), the public headers,
# the tool, a CMake package and a pkg-config file. fmt, nlohmann_json and xxHash are compiled in as
# header-only code, so a consumer needs none of them, only threads.
include(CMakePackageConfigHelpers)

get_property(unweight_rooms GLOBAL PROPERTY UNWEIGHT_ROOMS)
set(unweight_objects "")
foreach(room IN LISTS unweight_rooms)
  list(APPEND unweight_objects $<TARGET_OBJECTS:${room}>)
endforeach()

add_library(unweight STATIC ${unweight_objects})
add_library(unweight::unweight ALIAS unweight)
set_target_properties(unweight PROPERTIES LINKER_LANGUAGE CXX)
target_compile_features(unweight INTERFACE cxx_std_20)
target_link_libraries(unweight PUBLIC Threads::Threads)
target_include_directories(unweight INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

set(unweight_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/unweight)
install(TARGETS unweight EXPORT unweight_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS unweight_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/unweight
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT unweight_targets NAMESPACE unweight:: DESTINATION ${unweight_package_dir}
        FILE unweightTargets.cmake)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/unweightConfig.cmake.in
  ${PROJECT_BINARY_DIR}/unweightConfig.cmake INSTALL_DESTINATION ${unweight_package_dir})
# Before 1.0 a minor version may change the API.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/unweightConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/unweightConfig.cmake
              ${PROJECT_BINARY_DIR}/unweightConfigVersion.cmake
        DESTINATION ${unweight_package_dir})

# Paths relative to the .pc file, so that the installation can be moved.
file(RELATIVE_PATH unweight_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/unweight.pc.in ${PROJECT_BINARY_DIR}/unweight.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/unweight.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
