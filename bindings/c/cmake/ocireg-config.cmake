# find_package(ocireg) gives the target ocireg::ocireg, for C and for C++17 (ocireg.hpp).
get_filename_component(_ocireg_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET ocireg::ocireg)
  add_library(ocireg::ocireg SHARED IMPORTED)
  set_target_properties(ocireg::ocireg PROPERTIES
    IMPORTED_LOCATION "${_ocireg_prefix}/lib/libocireg.so"
    IMPORTED_SONAME "libocireg.so.0"
    INTERFACE_INCLUDE_DIRECTORIES "${_ocireg_prefix}/include")
endif()
unset(_ocireg_prefix)
