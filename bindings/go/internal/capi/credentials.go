//go:build cgo

package capi

/*
#include <pthread.h>
#include <stdint.h>
#include <ocireg.h>

// Written in Go, in callback.go; a cgo.Handle is turned into a pointer only here, as for progress.
extern int32_t ocireg_go_credentials(uintptr_t handle, char *request, ocireg_answer *answer);
extern void ocireg_go_drop(uintptr_t handle);

static int32_t give_credentials(void *user_data, const char *request, ocireg_answer *answer) {
	return ocireg_go_credentials((uintptr_t)user_data, (char *)request, answer);
}

static void drop_credentials(void *user_data) {
	ocireg_go_drop((uintptr_t)user_data);
}

static int32_t set_credentials(const ocireg_service *service, uintptr_t handle, ocireg_error **error) {
	return ocireg_service_set_credentials(service, give_credentials, (void *)handle, drop_credentials, error);
}
*/
import "C"

import "runtime/cgo"

// CredentialsFunc is a credentials callback: it calls answer with the JSON of an AuthConfig, or not, to let the next
// source be asked. If it returns true, the call stops. It must not panic.
type CredentialsFunc func(request string, answer func(auth string) error) (stop bool)

// SetCredentials sets the callback; a nil function removes it.
func (s *Service) SetCredentials(credentials CredentialsFunc) error {
	p, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	return call(nil, func(_ []*C.char, failure **C.ocireg_error) C.int32_t {
		if credentials == nil {
			return C.ocireg_service_set_credentials(p, nil, nil, nil, failure)
		}
		return C.set_credentials(p, C.uintptr_t(cgo.NewHandle(credentials)), failure)
	})
}

// give answers a request for credentials.
func give(answer *C.ocireg_answer, auth string) error {
	return call([]arg{text("auth_json", auth)}, func(in []*C.char, failure **C.ocireg_error) C.int32_t {
		return C.ocireg_answer_credentials(answer, in[0], failure)
	})
}

// Thread returns a number for the thread that runs the goroutine; it is the same in callbacks of calls that the
// goroutine makes, if it is locked to the thread.
func Thread() uintptr { return uintptr(C.pthread_self()) }
