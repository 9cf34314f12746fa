//go:build cgo

package registry_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dockersModule is Docker's package in spring 2020.
const dockersModule = "github.com/docker/docker@v17.12.0-ce-rc1.0.20200309214505-aa6a9891b09c+incompatible"

// An adaptation changes what a test of Docker's package expects, or how it reaches into the package. It is a row of the
// table in the README.
type adaptation struct {
	function string
	row      string
	from     *regexp.Regexp
	to       string
}

// adaptations are all changes that Docker's tests need in order to pass.
var adaptations = []adaptation{
	{"spawnTestRegistrySession", "a client may have a transport that is not made by this package", regexp.MustCompile(`debugTransport\{NewTransport\(nil\), t\.Log\}`), "NewTransport(nil)"},
	{"spawnTestRegistrySession", "an index may name registries at any host", regexp.MustCompile(`NewV1Endpoint\(`), "newTestV1Endpoint("},
	{"spawnTestRegistrySession", "puts a token into an unexported transport of the session", regexp.MustCompile(`r\.client\.Transport.*`), "obtainToken(t, r)"},
	{"TestMirrorEndpointLookup", "makes a service of an unexported configuration", regexp.MustCompile(`DefaultService\{config: cfg\}`), "*cfg.service"},
	{"TestValidateEndpoint", "makes an endpoint with an unexported client", regexp.MustCompile(`\n\s*client:[^\n]*`), ""},
	{"TestEndpoint", "the error for a plain-HTTP index used as a secure one says `insecure-registry`", regexp.MustCompile(`"insecure-registry"`), `"insecure-registries"`},
	{"TestEndpoint", "the error for an untrusted certificate says `certificate signed by unknown authority`", regexp.MustCompile(`"certificate signed by unknown authority"`), `"not trusted"`},
	{"TestPushImageJSONRegistry", "what is not JSON can be pushed as the JSON of an image", regexp.MustCompile(`\[\]byte\{0x42[^}]*\}`), "[]byte(`{\"id\":\"` + imgData.ID + `\"}`)"},
	{"TestPushImageLayerRegistry", "a layer can be pushed without the JSON of its image", regexp.MustCompile(`\[\]byte\{\}`), "[]byte(`{\"id\":\"` + imageID + `\"}`)"},
	{"TestValidateMirror", "a mirror has no path", regexp.MustCompile(`\n\s*"[^"]*/v1/#?",`), ""},
	{"TestLoadInsecureRegistries", "the words of errors", regexp.MustCompile(`err: +["\x60].*`), `err: "insecure-registries",`},
	{"TestLoadAllowNondistributableArtifacts", "the words of errors", regexp.MustCompile(`err: +["\x60].*`), `err: "allow-nondistributable-artifacts",`},
	{"TestNewServiceConfig", "the words of errors", regexp.MustCompile(`is\.Error\(`), `is.ErrorContains(`},
	{"TestNewServiceConfig", "the words of errors", regexp.MustCompile("\x60invalid mirror.*\x60"), `"registry-mirrors"`},
	{"TestNewServiceConfig", "the words of errors", regexp.MustCompile("\x60insecure registry.*\x60"), `"insecure-registries"`},
	{"TestNewServiceConfig", "the words of errors", regexp.MustCompile("\x60allow-nondistributable-artifacts registry.*\x60"), `"allow-nondistributable-artifacts"`},
	{"TestValidateIndexNameWithError", "the words of errors", regexp.MustCompile(`is\.Error\(`), `is.ErrorContains(`},
	{"TestValidateIndexNameWithError", "the words of errors", regexp.MustCompile(`err: +["\x60].*`), `err: "begins or ends with a hyphen",`},
}

// adapted returns the source of a file of tests with the adaptations of its functions.
func adapted(t *testing.T, path string, used map[int]bool) []byte {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var made bytes.Buffer
	end := 0
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		from, to := files.Position(function.Pos()).Offset, files.Position(function.End()).Offset
		text := source[from:to]
		for i, a := range adaptations {
			if a.function == function.Name.Name && a.from.Match(text) {
				used[i] = true
				text = a.from.ReplaceAll(text, []byte(a.to))
			}
		}
		made.Write(source[end:from])
		made.Write(text)
		end = to
	}
	made.Write(source[end:])
	return made.Bytes()
}

// command returns a go command.
func command(dir string, arguments ...string) *exec.Cmd {
	c := exec.Command("go", arguments...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	return c
}

// run runs a go command and returns its output.
func run(t *testing.T, dir string, arguments ...string) []byte {
	t.Helper()
	c := command(dir, arguments...)
	var failure bytes.Buffer
	c.Stderr = &failure
	output, err := c.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s%s", strings.Join(arguments, " "), err, output, failure.Bytes())
	}
	return output
}

// downloaded returns the directory of a module in the module cache.
func downloaded(t *testing.T, module string) string {
	t.Helper()
	var found struct{ Dir string }
	if err := json.Unmarshal(run(t, t.TempDir(), "mod", "download", "-json", module), &found); err != nil {
		t.Fatal(err)
	}
	return found.Dir
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// copied copies the files that match the patterns into a directory.
func copied(t *testing.T, to string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(to, filepath.Base(file)), content)
		}
	}
}

// Docker's own tests of spring 2020 run on this package, in a copy of it. They are taken from the module cache.
func TestDockersOwnTests(t *testing.T) {
	dir := t.TempDir()
	copied(t, dir, "doc.go", "types.go", "convert.go", "service.go", "session.go", "testdata/registry/*")
	binding, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	run(t, dir, "mod", "edit", "-replace", "github.com/ocireg/ocireg/bindings/go="+binding)
	write(t, filepath.Join(dir, "signatures_test.go"), signatures(t))
	theirs, err := filepath.Glob(filepath.Join(downloaded(t, dockersModule), "registry", "*_test.go"))
	if err != nil || len(theirs) < 4 {
		t.Fatalf("%v, %v", theirs, err)
	}
	used := map[int]bool{}
	for _, path := range theirs {
		write(t, filepath.Join(dir, filepath.Base(path)), adapted(t, path, used))
	}
	for i, a := range adaptations {
		if !used[i] {
			t.Errorf("%s has nothing like %s", a.function, a.from)
		}
	}
	result, output, passed := map[string]string{}, map[string]string{}, 0
	lines, err := command(dir, "test", "-count=1", "-json", ".").Output()
	for line := range bytes.Lines(lines) {
		var event struct{ Action, Test, Output string }
		if err := json.Unmarshal(line, &event); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		output[event.Test] += event.Output
		if event.Action == "pass" || event.Action == "fail" || event.Action == "skip" {
			result[event.Test] = event.Action
		}
	}
	for test, result := range result {
		switch {
		case result != "pass":
			t.Errorf("%s: %s\n%s", test, result, output[test])
		case test != "":
			passed++
		}
	}
	if err != nil || passed < 30 {
		t.Errorf("%d tests passed: %v\n%s", passed, err, output[""])
	}
}

// The README lists the adaptations, each with its reason, and no others.
func TestAdaptationsAreListed(t *testing.T) {
	guide, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(guide)) {
		if row := strings.Split(strings.Trim(line, "|\n"), " | "); len(row) == 3 && strings.HasPrefix(row[0], " `") {
			if len(row[2]) < 20 {
				t.Errorf("%q gives no reason", row)
			}
			listed[strings.Trim(row[0], " `")+": "+row[1]] = true
		}
	}
	used := map[string]bool{}
	for _, a := range adaptations {
		used[a.function+": "+a.row] = true
	}
	if !maps.Equal(listed, used) {
		t.Errorf("the README lists %v, but Docker's tests are adapted in %v", listed, used)
	}
}
