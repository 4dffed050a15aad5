# Compiler settings shared by every target through the interface library quandex_options.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(QUANDEX_CCACHE ccache)
if(QUANDEX_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${QUANDEX_CCACHE})
endif()

add_library(quandex_options INTERFACE)
target_include_directories(quandex_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(quandex_options INTERFACE -Wall -Wextra -Wconversion
  $<$<BOOL:${QUANDEX_WERROR}>:-Werror>)
# libstdc++ 12 calls a deprecated function of its own in std::stable_sort, and clang blames its caller for it.
target_compile_options(quandex_options INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
# The same sums in the same order on every machine: no contraction or reassociation behind our back.
target_compile_options(quandex_options INTERFACE -ffp-contract=off)
if(QUANDEX_SANITIZE)
  target_compile_options(quandex_options INTERFACE
    -fsanitize=${QUANDEX_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(quandex_options INTERFACE -fsanitize=${QUANDEX_SANITIZE})
endif()
if(QUANDEX_BUILD_FUZZERS)
  # Coverage counters for libFuzzer; the fuzz targets alone link its driver.
  target_compile_options(quandex_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
