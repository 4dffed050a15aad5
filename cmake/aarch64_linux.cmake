# Toolchain of the preset `neon`: Arm programs built here by the cross compiler, run by qemu-user with every extension it
# knows (dotprod and i8mm among them). The libraries are Debian's for arm64, unpacked by `scripts/setup full`.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-L;/usr/aarch64-linux-gnu;-cpu;max)

set(quandex_arm_libraries ${CMAKE_CURRENT_LIST_DIR}/../.cache/arm64)
get_filename_component(quandex_arm_libraries ${quandex_arm_libraries} ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH ${quandex_arm_libraries})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} ${quandex_arm_libraries}/usr/lib/aarch64-linux-gnu/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${quandex_arm_libraries})
