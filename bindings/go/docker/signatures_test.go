//go:build cgo

package registry_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"testing"
)

// signatures returns a file of package registry that compiles only if each name of Docker's package, as documented in
// spring 2020, is there with Docker's type.
func signatures(t *testing.T) []byte {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "../testdata/docker.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := func(node ast.Node) string {
		var printed bytes.Buffer
		if err := printer.Fprint(&printed, files, node); err != nil {
			t.Fatal(err)
		}
		return printed.String()
	}
	var made bytes.Buffer
	names := 0
	has := func(format string, arguments ...any) {
		fmt.Fprintf(&made, format+"\n", arguments...)
		names++
	}
	made.WriteString(`package registry

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"

	"github.com/docker/distribution/reference"
	"github.com/docker/distribution/registry/client/auth"
	"github.com/docker/distribution/registry/client/auth/challenge"
	"github.com/docker/distribution/registry/client/transport"
	"github.com/docker/docker/api/types"
	registrytypes "github.com/docker/docker/api/types/registry"
)

`)
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				has("var _ %s = %s", text(d.Type), d.Name)
				continue
			}
			receiver := d.Recv.List[0].Type
			all := *d.Type
			all.Params = &ast.FieldList{List: append([]*ast.Field{{Names: []*ast.Ident{ast.NewIdent("_")}, Type: receiver}}, d.Type.Params.List...)}
			has("var _ %s = (%s).%s", text(&all), text(receiver), d.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range s.Names {
						switch {
						case d.Tok == token.CONST:
							has("const _ = %s", name)
						case s.Type != nil:
							has("var _ *%s = &%s", text(s.Type), name)
						default:
							t.Fatalf("%s has no type", name)
						}
					}
				case *ast.TypeSpec:
					has("var _ %s", s.Name)
					switch kind := s.Type.(type) {
					case *ast.StructType:
						for _, field := range kind.Fields.List {
							for _, name := range field.Names {
								has("var _ *%s = &(&%s{}).%s", text(field.Type), s.Name, name)
							}
						}
					case *ast.InterfaceType:
						has("var _ = func(all %s) %s { return all }", text(kind), s.Name)
						has("var _ = func(all %s) %s { return all }", s.Name, text(kind))
					}
				}
			}
		}
	}
	if names < 100 {
		t.Errorf("only %d names", names)
	}
	return made.Bytes()
}
