//go:build !cgo

// Package capi without cgo: everything fails and says why.
package capi

import "time"

func noCgo() error {
	return failed(codeUnsupported, "", "this program was built without cgo, which package ocireg needs: "+
		"build it with CGO_ENABLED=1, a C compiler and the ocireg library")
}

type ProgressFunc func(done, total uint64, event string) (stop bool)

type LogFunc func(level int32, record string)

type CredentialsFunc func(request string, answer func(auth string) error) (stop bool)

type Context struct{}

func (*Context) SetTimeout(time.Duration) {}
func (*Context) SetProgress(ProgressFunc) {}
func (*Context) Cancel()                  {}
func (*Context) Free()                    {}

func Version() string       { return "" }
func VersionInfo() string   { return "{}" }
func VersionNumber() uint32 { return 0 }
func CodeName(int32) string { return "" }
func CodeText(int32) string { return "" }
func Usable() error         { return noCgo() }

func Thread() uintptr { return 0 }

func (*Service) SetLog(int32, LogFunc) error          { return noCgo() }
func (*Service) SetCredentials(CredentialsFunc) error { return noCgo() }
func (*Blob) Size() int64                             { return -1 }
func (*Reader) Size() int64                           { return -1 }
