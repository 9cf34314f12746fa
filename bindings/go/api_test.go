package ocireg_test

import (
	"context"
	"crypto/tls"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	ocireg "github.com/ocireg/ocireg/bindings/go"
	reference "github.com/ocireg/ocireg/bindings/go"
	registry "github.com/ocireg/ocireg/bindings/go"
	registrytypes "github.com/ocireg/ocireg/bindings/go"
	types "github.com/ocireg/ocireg/bindings/go"
)

// Interfaces that programs may have declared for types of other packages.
type (
	theirNamed interface {
		String() string
		Name() string
	}
	theirModifier interface {
		ModifyRequest(*http.Request) error
	}
	theirStore interface {
		Basic(*url.URL) (string, string)
		RefreshToken(*url.URL, string) string
		SetRefreshToken(realm *url.URL, service, token string)
	}
)

// The compiler checks that a program written for Docker's package can use each name as before.
var (
	_ string                                                                                 = registry.AuthClientID
	_ [registry.DefaultSearchLimit]int                                                       = [25]int{}
	_ *string                                                                                = &registry.DefaultNamespace
	_ *string                                                                                = &registry.DefaultRegistryVersionHeader
	_ *string                                                                                = &registry.IndexHostname
	_ *string                                                                                = &registry.IndexServer
	_ *string                                                                                = &registry.IndexName
	_ *string                                                                                = &registry.CertsDir
	_ *url.URL                                                                               = registry.DefaultV2Registry
	_ []error                                                                                = []error{registry.ErrAlreadyExists, registry.ErrInvalidRepositoryName, registry.ErrRepoNotFound}
	_ func(http.RoundTripper, *types.AuthConfig, bool) http.RoundTripper                     = registry.AuthTransport
	_ func(string) string                                                                    = registry.ConvertToHostname
	_ func(*registrytypes.IndexInfo) string                                                  = registry.GetAuthConfigKey
	_ func(http.RoundTripper) *http.Client                                                   = registry.HTTPClient
	_ func(string, http.Header) []registry.RequestModifier                                   = registry.Headers
	_ func(*types.AuthConfig) registry.CredentialStore                                       = registry.NewStaticCredentialStore
	_ func(*tls.Config) *http.Transport                                                      = registry.NewTransport
	_ func(string) (*registrytypes.IndexInfo, error)                                         = registry.ParseSearchIndexInfo
	_ func(*url.URL, http.RoundTripper) (registry.ChallengeManager, bool, error)             = registry.PingV2Registry
	_ func(*tls.Config, string) error                                                        = registry.ReadCertsDirectory
	_ func(map[string]types.AuthConfig, *registrytypes.IndexInfo) types.AuthConfig           = registry.ResolveAuthConfig
	_ func(string) (string, error)                                                           = registry.ValidateIndexName
	_ func(string) (string, error)                                                           = registry.ValidateMirror
	_ func(reference.Named) (*registry.RepositoryInfo, error)                                = registry.ParseRepositoryInfo
	_ func(registry.ServiceOptions) (*registry.DefaultService, error)                        = registry.NewService
	_ func(*http.Client, *types.AuthConfig, *registry.V1Endpoint) (*registry.Session, error) = registry.NewSession
	_ func(*registrytypes.IndexInfo, string, http.Header) (*registry.V1Endpoint, error)      = registry.NewV1Endpoint
	_ error                                                                                  = registry.PingResponseError{Err: fs.ErrInvalid}
	_ registry.Service                                                                       = (*registry.DefaultService)(nil)
	_ reference.Named                                                                        = theirNamed(nil)
	_ registry.RequestModifier                                                               = theirModifier(nil)
	_ theirModifier                                                                          = registry.RequestModifier(nil)
	_ theirStore                                                                             = registry.CredentialStore(nil)

	_ = []registry.APIVersion{registry.APIVersion1, registry.APIVersion2}
	_ = registry.APIEndpoint{Mirror: true, URL: &url.URL{}, Version: registry.APIVersion1, AllowNondistributableArtifacts: true,
		Official: true, TrimHostname: true, TLSConfig: &tls.Config{}}
	_ = registry.ImgData{ID: "", Checksum: "", ChecksumPayload: "", Tag: ""}
	_ = registry.PingResult{Version: "", Standalone: true}
	_ = registry.RepositoryData{ImgList: map[string]*registry.ImgData{}, Endpoints: []string{}}
	_ = registry.RepositoryInfo{Name: reference.Named(nil), Index: &registrytypes.IndexInfo{}, Official: true, Class: ""}
	_ = registry.ServiceOptions{AllowNondistributableArtifacts: []string{}, Mirrors: []string{}, InsecureRegistries: []string{}}
	_ = registry.V1Endpoint{URL: &url.URL{}, IsSecure: true}
	_ = types.AuthConfig{Username: "", Password: "", Auth: "", Email: "", ServerAddress: "", IdentityToken: "", RegistryToken: ""}
	_ = registrytypes.SearchResults{Query: "", NumResults: 0, Results: []registrytypes.SearchResult{{StarCount: 0,
		IsOfficial: true, Name: "", IsAutomated: true, Description: ""}}}
	_ = registrytypes.IndexInfo{Name: "", Mirrors: []string{}, Secure: true, Official: true}
	_ = registrytypes.ServiceConfig{AllowNondistributableArtifactsCIDRs: []*registrytypes.NetIPNet{},
		AllowNondistributableArtifactsHostnames: []string{}, InsecureRegistryCIDRs: []*registrytypes.NetIPNet{},
		IndexConfigs: map[string]*registrytypes.IndexInfo{}, Mirrors: []string{}}

	_ interface {
		Auth(context.Context, *types.AuthConfig, string) (status, token string, err error)
		LoadAllowNondistributableArtifacts([]string) error
		LoadInsecureRegistries([]string) error
		LoadMirrors([]string) error
		LookupPullEndpoints(string) ([]registry.APIEndpoint, error)
		LookupPushEndpoints(string) ([]registry.APIEndpoint, error)
		ResolveRepository(reference.Named) (*registry.RepositoryInfo, error)
		Search(context.Context, string, int, *types.AuthConfig, string, map[string][]string) (*registrytypes.SearchResults, error)
		ServiceConfig() *registrytypes.ServiceConfig
		TLSConfig(string) (*tls.Config, error)
	} = registry.Service(nil)
	_ interface {
		GetRemoteHistory(imgID, registry string) ([]string, error)
		GetRemoteImageJSON(imgID, registry string) ([]byte, int64, error)
		GetRemoteImageLayer(imgID, registry string, imgSize int64) (io.ReadCloser, error)
		GetRemoteTag([]string, reference.Named, string) (string, error)
		GetRemoteTags([]string, reference.Named) (map[string]string, error)
		GetRepositoryData(reference.Named) (*registry.RepositoryData, error)
		ID() string
		LookupRemoteImage(imgID, registry string) error
		PushImageChecksumRegistry(*registry.ImgData, string) error
		PushImageJSONIndex(reference.Named, []*registry.ImgData, bool, []string) (*registry.RepositoryData, error)
		PushImageJSONRegistry(*registry.ImgData, []byte, string) error
		PushImageLayerRegistry(string, io.Reader, string, []byte) (checksum, checksumPayload string, err error)
		PushRegistryTag(reference.Named, string, string, string) error
		SearchRepositories(string, int) (*registrytypes.SearchResults, error)
	} = (*registry.Session)(nil)
	_ interface {
		Path(string) string
		Ping() (registry.PingResult, error)
		String() string
	} = (*registry.V1Endpoint)(nil)
	_ interface {
		ToV1Endpoint(string, http.Header) *registry.V1Endpoint
	} = registry.APIEndpoint{}
	_ interface{ String() string } = registry.APIVersion1
)

// deviations are the types in Docker's signatures that are replaced by others here, or of which not every value is
// accepted. The table in the guide lists the same.
var deviations = map[string]string{
	"types.AuthConfig":            "AuthConfig",
	"registrytypes.IndexInfo":     "IndexInfo",
	"registrytypes.SearchResults": "SearchResults",
	"registrytypes.ServiceConfig": "ServiceConfig",
	"reference.Named":             "Named",
	"transport.RequestModifier":   "RequestModifier",
	"auth.CredentialStore":        "CredentialStore",
	"challenge.Manager":           "ChallengeManager",
	"notFoundError":               "error",
	"http.RoundTripper":           "http.RoundTripper",
	"tls.Config":                  "tls.Config",
}

// exported returns the exported declarations of files, such as "func NewService", "Session.ID" or "APIEndpoint.URL",
// and their types.
func exported(files map[string]*ast.File) map[string]string {
	all := map[string]string{}
	show := func(node any) string {
		var text strings.Builder
		if err := printer.Fprint(&text, token.NewFileSet(), node); err != nil {
			panic(err)
		}
		return text.String()
	}
	list := func(fields *ast.FieldList) string {
		var kinds []string
		if fields != nil {
			for _, field := range fields.List {
				for range max(1, len(field.Names)) {
					kinds = append(kinds, show(field.Type))
				}
			}
		}
		return "(" + strings.Join(kinds, ", ") + ")"
	}
	signature := func(f *ast.FuncType) string { return list(f.Params) + " " + list(f.Results) }
	members := func(name string, fields *ast.FieldList) {
		for _, field := range fields.List {
			for _, member := range field.Names {
				if !member.IsExported() {
					continue
				}
				if f, ok := field.Type.(*ast.FuncType); ok {
					all[name+"."+member.Name] = signature(f)
					continue
				}
				tag := ""
				if field.Tag != nil {
					tag = " " + field.Tag.Value
				}
				all[name+"."+member.Name] = show(field.Type) + tag
			}
		}
	}
	for _, file := range files {
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Name.IsExported() {
				name := "func " + f.Name.Name
				if f.Recv != nil {
					name = show(f.Recv.List[0].Type) + "." + f.Name.Name
				}
				all[name] = signature(f.Type)
			}
			group, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						if name.IsExported() {
							all[group.Tok.String()+" "+name.Name] = ""
							if spec.Type != nil {
								all[group.Tok.String()+" "+name.Name] = show(spec.Type)
							}
						}
					}
				case *ast.TypeSpec:
					if !spec.Name.IsExported() {
						continue
					}
					kind := ""
					switch t := spec.Type.(type) {
					case *ast.StructType:
						kind = "struct"
						members(spec.Name.Name, t.Fields)
					case *ast.InterfaceType:
						kind = "interface"
						members(spec.Name.Name, t.Methods)
					default:
						kind = show(t)
					}
					all["type "+spec.Name.Name] = kind
				}
			}
		}
	}
	return all
}

func parse(t *testing.T, names ...string) map[string]*ast.File {
	t.Helper()
	files, set := map[string]*ast.File{}, token.NewFileSet()
	for _, name := range names {
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	return files
}

// Every name of Docker's package exists here, with the same type except for the deviations.
func TestDockersNames(t *testing.T) {
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	sources = slices.DeleteFunc(sources, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	here, theirs := exported(parse(t, sources...)), exported(parse(t, "testdata/docker.go"))
	if len(theirs) < 100 {
		t.Fatalf("only %d names", len(theirs))
	}
	used := map[string]bool{}
	for name, kind := range theirs {
		for there, deviation := range deviations {
			if replaced := replaceType(kind, there, deviation); strings.Contains(kind, there) {
				used[there], kind = true, replaced
			}
		}
		got, ok := here[name]
		if _, isVariable := strings.CutPrefix(name, "var "); isVariable && got == "" {
			got = kind // The compiler has seen it above.
		}
		if !ok || got != kind {
			t.Errorf("%s is %q, not %q", name, got, kind)
		}
	}
	for there := range deviations {
		if !used[there] {
			t.Errorf("no signature has %s", there)
		}
	}
}

func replaceType(text, from, to string) string {
	return regexp.MustCompile(`(^|[^.\w])`+regexp.QuoteMeta(from)+`\b`).ReplaceAllString(text, "${1}"+to)
}

// tableOf returns the rows, without the head, of the table in a section of the guide.
func tableOf(t *testing.T, section string) (rows [][]string) {
	t.Helper()
	guide, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(guide), "\n## "+section+"\n")
	if !found {
		t.Fatalf("the guide has no section %q", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		if row, ok := strings.CutPrefix(line, "| "); ok {
			rows = append(rows, strings.Split(strings.TrimSuffix(strings.TrimSpace(row), " |"), " | "))
		}
	}
	if len(rows) < 2 {
		t.Fatalf("the section %q has no table", section)
	}
	return rows[1:]
}

// The table in the guide lists the deviations.
func TestGuidesTable(t *testing.T) {
	rows := map[string]string{}
	for _, row := range tableOf(t, "Programs written for Docker's package") {
		if len(row) != 3 || len(row[2]) < 10 {
			t.Fatalf("%q", row)
		}
		rows[strings.Trim(row[0], "`")] = strings.Trim(row[1], "`")
	}
	if !reflect.DeepEqual(rows, deviations) {
		t.Errorf("the guide has %v\nand not %v", rows, deviations)
	}
}

// The names that the guide uses exist.
func TestGuidesNames(t *testing.T) {
	guide, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for name := range exported(parse(t, sources...)) {
		names[name[strings.LastIndexAny(name, ". ")+1:]] = true
	}
	used := regexp.MustCompile(`\b(?:ocireg|service|endpoint|session|data|blob)\.([A-Z]\w*)`).FindAllStringSubmatch(string(guide), -1)
	if len(used) < 15 {
		t.Errorf("only %q", used)
	}
	for _, use := range used {
		if !names[use[1]] {
			t.Errorf("%s does not exist", use[0])
		}
	}
}

func TestDockersValues(t *testing.T) {
	for got, want := range map[string]string{
		ocireg.AuthClientID:                 "docker",
		ocireg.DefaultRegistryVersionHeader: "Docker-Distribution-Api-Version",
		ocireg.IndexHostname:                "index.docker.io",
		ocireg.IndexServer:                  "https://index.docker.io/v1/",
		ocireg.DefaultNamespace:             "docker.io",
		ocireg.IndexName + " ":              "docker.io ",
		ocireg.DefaultV2Registry.String():   "https://registry-1.docker.io",
		ocireg.APIVersion1.String():         "v1",
		ocireg.APIVersion2.String():         "v2",
	} {
		if got != want {
			t.Errorf("%q is not %q", got, want)
		}
	}
}
