//go:build cgo

package capi

/*
#include <stdint.h>
#include <ocireg.h>
*/
import "C"

import "runtime/cgo"

//export ocireg_go_progress
func ocireg_go_progress(handle C.uintptr_t, done, total C.uint64_t, event *C.char) C.int32_t {
	progress := cgo.Handle(handle).Value().(ProgressFunc)
	if progress(uint64(done), uint64(total), C.GoString(event)) {
		return 1
	}
	return 0
}

//export ocireg_go_log
func ocireg_go_log(handle C.uintptr_t, level C.int32_t, record *C.char) {
	log := cgo.Handle(handle).Value().(LogFunc)
	log(int32(level), C.GoString(record))
}

//export ocireg_go_credentials
func ocireg_go_credentials(handle C.uintptr_t, request *C.char, answer *C.ocireg_answer) C.int32_t {
	credentials := cgo.Handle(handle).Value().(CredentialsFunc)
	if credentials(C.GoString(request), func(auth string) error { return give(answer, auth) }) {
		return 1
	}
	return 0
}

//export ocireg_go_drop
func ocireg_go_drop(handle C.uintptr_t) {
	cgo.Handle(handle).Delete()
}
