# SPDX-License-Identifier: BSD-3-Clause
#
# What an installation holds: libunweight.a (the objects of every library room), the public headers,
# the tool, a CMake package and a pkg-config file. fmt, nlohmann_json and xxHash are compiled in as
# header-only code, so a consumer needs none of them, only threads. Where the CUDA rooms are built,
# libunweight_cuda.a (unweight::cuda) as well, whose consumers need CUDA's static runtime.
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

if(UNWEIGHT_HAS_CUDA)
  get_property(unweight_cuda_rooms GLOBAL PROPERTY UNWEIGHT_CUDA_ROOMS)
  set(unweight_cuda_objects "")
  foreach(room IN LISTS unweight_cuda_rooms)
    list(APPEND unweight_cuda_objects $<TARGET_OBJECTS:${room}>)
  endforeach()
  add_library(unweight_cuda STATIC ${unweight_cuda_objects})
  add_library(unweight::cuda ALIAS unweight_cuda)
  set_target_properties(unweight_cuda PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME cuda)
  target_link_libraries(unweight_cuda PUBLIC unweight CUDA::cudart_static)
endif()

set(unweight_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/unweight)
install(TARGETS unweight EXPORT unweight_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS unweight_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/unweight
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT unweight_targets NAMESPACE unweight:: DESTINATION ${unweight_package_dir}
        FILE unweightTargets.cmake)
if(UNWEIGHT_HAS_CUDA)
  # An export of its own: whoever has no CUDA toolkit can still use unweight::unweight.
  install(TARGETS unweight_cuda EXPORT unweight_cuda_targets
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT unweight_cuda_targets NAMESPACE unweight:: DESTINATION ${unweight_package_dir}
          FILE unweightCudaTargets.cmake)
endif()
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
if(UNWEIGHT_HAS_CUDA)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/unweight_cuda.pc.in
                 ${PROJECT_BINARY_DIR}/unweight_cuda.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/unweight_cuda.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
