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

type (
	Context  struct{}
	Service  struct{}
	Endpoint struct{}
	Session  struct{}
	Reader   struct{}
	Writer   struct{}
)

func Version() string       { return "" }
func VersionInfo() string   { return "{}" }
func VersionNumber() uint32 { return 0 }
func CodeName(int32) string { return "" }
func CodeText(int32) string { return "" }
func Usable() error         { return noCgo() }

func NewContext() (*Context, error)       { return nil, noCgo() }
func (*Context) SetTimeout(time.Duration) {}
func (*Context) SetProgress(ProgressFunc) {}
func (*Context) Cancel()                  {}
func (*Context) Free()                    {}

func ConvertToHostname(string) (string, error)         { return "", noCgo() }
func ValidateIndexName(string) (string, error)         { return "", noCgo() }
func ValidateMirror(string) (string, error)            { return "", noCgo() }
func ParseReference(string) (string, error)            { return "", noCgo() }
func ParseRepositoryInfo(string) (string, error)       { return "", noCgo() }
func ParseSearchIndexInfo(string) (string, error)      { return "", noCgo() }
func AuthConfigKey(string) (string, error)             { return "", noCgo() }
func ResolveAuthConfig(string, string) (string, error) { return "", noCgo() }
func ParseChallenges(string) (string, error)           { return "", noCgo() }
func ReadCertsDirectory(string) (string, error)        { return "", noCgo() }
func CertsDir() (string, error)                        { return "", noCgo() }

func NewService(string) (*Service, error)                             { return nil, noCgo() }
func (*Service) Close()                                               {}
func (*Service) Config() (string, error)                              { return "", noCgo() }
func (*Service) ReplaceConfig(string) error                           { return noCgo() }
func (*Service) SetLog(int32, LogFunc) error                          { return noCgo() }
func (*Service) LoadMirrors(string) error                             { return noCgo() }
func (*Service) LoadInsecureRegistries(string) error                  { return noCgo() }
func (*Service) LoadAllowNondistributableArtifacts(string) error      { return noCgo() }
func (*Service) LookupPullEndpoints(*Context, string) (string, error) { return "", noCgo() }
func (*Service) LookupPushEndpoints(*Context, string) (string, error) { return "", noCgo() }
func (*Service) ResolveRepository(*Context, string) (string, error)   { return "", noCgo() }
func (*Service) TLSConfig(*Context, string) (string, error)           { return "", noCgo() }
func (*Service) Auth(*Context, *string, *string) (string, error)      { return "", noCgo() }
func (*Service) Search(*Context, string, int32, *string, *string, *string) (string, error) {
	return "", noCgo()
}
func (*Service) Login(*Context, string, *string) (string, error)         { return "", noCgo() }
func (*Service) Logout(*Context, string) error                           { return noCgo() }
func (*Service) Credentials(*Context, string) (string, error)            { return "", noCgo() }
func (*Service) IsInsecureRegistry(*Context, string) (bool, error)       { return false, noCgo() }
func (*Service) NewEndpoint(string) (*Endpoint, error)                   { return nil, noCgo() }
func (*Service) OpenSession(*Context, string, *string) (*Session, error) { return nil, noCgo() }
func (*Service) Pull(*Context, string, string, *string) (string, error)  { return "", noCgo() }
func (*Service) Inspect(*Context, string, *string) (string, error)       { return "", noCgo() }

func (*Endpoint) Close()                                         {}
func (*Endpoint) ToString() (string, error)                      { return "", noCgo() }
func (*Endpoint) Path(string) (string, error)                    { return "", noCgo() }
func (*Endpoint) IsSecure() (bool, error)                        { return false, noCgo() }
func (*Endpoint) Ping(*Context) (string, error)                  { return "", noCgo() }
func (*Endpoint) NewSession(*Context, *string) (*Session, error) { return nil, noCgo() }

func (*Session) Close()                                                  {}
func (*Session) Repository(string) (*Session, error)                     { return nil, noCgo() }
func (*Session) ID() (string, error)                                     { return "", noCgo() }
func (*Session) Info() (string, error)                                   { return "", noCgo() }
func (*Session) Ping(*Context) (string, error)                           { return "", noCgo() }
func (*Session) ListTags(*Context, *string) (string, error)              { return "", noCgo() }
func (*Session) HeadManifest(*Context, *string, *string) (string, error) { return "", noCgo() }
func (*Session) GetManifest(*Context, *string, *string) (string, []byte, error) {
	return "", nil, noCgo()
}
func (*Session) OpenBlob(*Context, string, uint64, *string) (*Reader, error) { return nil, noCgo() }
func (*Session) PutBlob(*Context, *string) (*Writer, error)                  { return nil, noCgo() }
func (*Session) MountBlob(*Context, string, string) (*Writer, error)         { return nil, noCgo() }
func (*Session) GetRemoteImageLayer(*Context, string, string, int64) (*Reader, error) {
	return nil, noCgo()
}
func (*Session) PushImageLayerRegistry(*Context, string, string, []byte) (*Writer, error) {
	return nil, noCgo()
}

func (*Reader) Read(*Context, []byte) (int, error) { return 0, noCgo() }
func (*Reader) Verify(*Context) error              { return noCgo() }
func (*Reader) Size() int64                        { return -1 }
func (*Reader) Free()                              {}

func (*Writer) Write(*Context, []byte) error             { return noCgo() }
func (*Writer) Commit(*Context, *string) (string, error) { return "", noCgo() }
func (*Writer) Abort(*Context) error                     { return noCgo() }
func (*Writer) Free()                                    {}

func (*Service) NewEndpointV1(*Context, string, *string, *string) (*Endpoint, error) {
	return nil, noCgo()
}
func (*Endpoint) ToV1(*string, *string) (*Endpoint, error)                      { return nil, noCgo() }
func (*Session) GetRepositoryData(*Context, string) (string, error)             { return "", noCgo() }
func (*Session) GetRemoteTags(*Context, string, string) (string, error)         { return "", noCgo() }
func (*Session) GetRemoteTag(*Context, string, string, string) (string, error)  { return "", noCgo() }
func (*Session) GetRemoteHistory(*Context, string, string) (string, error)      { return "", noCgo() }
func (*Session) LookupRemoteImage(*Context, string, string) error               { return noCgo() }
func (*Session) PushImageJSONRegistry(*Context, string, string, []byte) error   { return noCgo() }
func (*Session) PushImageChecksumRegistry(*Context, string, string) error       { return noCgo() }
func (*Session) PushRegistryTag(*Context, string, string, string, string) error { return noCgo() }
func (*Session) PushImageJSONIndex(*Context, string, string, bool, string) (string, error) {
	return "", noCgo()
}
func (*Session) SearchRepositories(*Context, string, int32) (string, error) { return "", noCgo() }
func (*Session) GetRemoteImageJSON(*Context, string, string) ([]byte, int64, error) {
	return nil, -1, noCgo()
}
