//go:build cgo

package capi

/*
#include <stdint.h>
#include <ocireg.h>

// Written in Go, in callback.go; a cgo.Handle is turned into a pointer only here, as for progress.
extern void ocireg_go_log(uintptr_t handle, int32_t level, char *record);
extern void ocireg_go_drop(uintptr_t handle);

static void log_record(void *user_data, int32_t level, const char *record) {
	ocireg_go_log((uintptr_t)user_data, level, (char *)record);
}

static void drop_log(void *user_data) {
	ocireg_go_drop((uintptr_t)user_data);
}

static int32_t set_log(const ocireg_service *service, int32_t level, uintptr_t handle, ocireg_error **error) {
	return ocireg_service_set_log(service, level, log_record, (void *)handle, drop_log, error);
}
*/
import "C"

import "runtime/cgo"

// LogFunc is a log callback; the levels are 1 (error) to 5 (trace). It must not panic.
type LogFunc func(level int32, record string)

// SetLog logs records up to a level; a nil function turns logging off.
func (s *Service) SetLog(level int32, log LogFunc) error {
	p, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	return call(nil, func(_ []*C.char, failure **C.ocireg_error) C.int32_t {
		if log == nil {
			return C.ocireg_service_set_log(p, 0, nil, nil, nil, failure)
		}
		return C.set_log(p, C.int32_t(level), C.uintptr_t(cgo.NewHandle(log)), failure)
	})
}
