# Sources of the matrix kernels: one translation unit a level, each with its own target flags, chosen here by
# processor and at run time by level.
set(QUANDEX_LINEAR_SOURCES linear.cpp linear_base.cpp pack.cpp)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  list(APPEND QUANDEX_LINEAR_SOURCES linear_isa_x86.cpp linear_avx2.cpp linear_avx512_vnni.cpp)
  set(QUANDEX_LINEAR_AVX2 -mavx2 -mfma -mf16c)
  set(QUANDEX_LINEAR_AVX512 ${QUANDEX_LINEAR_AVX2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni)
  # g++ 12 takes the deliberately undefined operands in its own AVX-512 headers for mistakes.
  set(QUANDEX_LINEAR_QUIET $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized;-Wno-maybe-uninitialized>)
  set_source_files_properties(linear_avx2.cpp PROPERTIES COMPILE_OPTIONS "${QUANDEX_LINEAR_AVX2}")
  set_source_files_properties(linear_avx512_vnni.cpp PROPERTIES
    COMPILE_OPTIONS "${QUANDEX_LINEAR_AVX512};${QUANDEX_LINEAR_QUIET}")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  list(APPEND QUANDEX_LINEAR_SOURCES linear_isa_arm.cpp linear_neon_dotprod.cpp linear_neon_i8mm.cpp)
  set_source_files_properties(linear_neon_dotprod.cpp PROPERTIES COMPILE_OPTIONS "-march=armv8.2-a+dotprod")
  set_source_files_properties(linear_neon_i8mm.cpp PROPERTIES COMPILE_OPTIONS "-march=armv8.2-a+dotprod+i8mm")
else()
  list(APPEND QUANDEX_LINEAR_SOURCES linear_isa_portable.cpp)
endif()
