# CMake toolchain file for linux-aarch_64: on such a machine its own compiler, elsewhere Debian's cross compiler
# (g++-aarch64-linux-gnu), with ctest running the tests under QEMU (qemu-user-static).
if(NOT CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL "aarch64")
  set(CMAKE_SYSTEM_NAME Linux)
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
  set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
  set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
  # Highway's headers are for every processor and lie there; all others are the cross compiler's own.
  set(CMAKE_CXX_FLAGS_INIT "-idirafter /usr/include")
  # Libraries of this machine are of no use: GoogleTest is built from its sources.
  set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
  set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/aarch64-linux-gnu)
endif()
