//go:build cgo

package ocireg_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The program of the guide is a module of its own that gets ours as from a module proxy, with an empty module cache. It
// compiles without pkg-config. (It is not linked: the static library is made for releases only.)
func TestModulesCanBeGot(t *testing.T) {
	guide, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, start, _ := strings.Cut(string(guide), "\n## Start\n")
	_, commands, _ := strings.Cut(start, "```sh\n")
	commands, _, _ = strings.Cut(commands, "```")
	_, program, _ := strings.Cut(start, "```go\n")
	program, _, found := strings.Cut(program, "```")
	if !found {
		t.Fatal("the guide has no program")
	}
	work := t.TempDir()
	proxy, app := filepath.Join(work, "proxy"), filepath.Join(work, "app")
	if err := os.Mkdir(app, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(app, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(directory string, arguments ...string) {
		t.Helper()
		c := exec.Command(arguments[0], arguments[1:]...)
		c.Dir = directory
		c.Env = append(os.Environ(), "GOMODCACHE="+filepath.Join(work, "modules"), "GOPROXY=file://"+proxy,
			"GONOSUMDB=github.com/ocireg/*", "GOFLAGS=-modcacherw -buildvcs=false", "GOWORK=off", "PKG_CONFIG=/nowhere")
		if output, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", arguments, err, output)
		}
	}
	run(".", "./goproxy", proxy)
	for line := range strings.Lines(commands) {
		run(app, strings.Fields(line)...)
	}
	run(app, "go", "vet", "-tags", "ocireg_prebuilt", ".")
}
