// The driver of the end-to-end scenarios on the Go package: one request a line on stdin, one answer a line on stdout.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// absent is a field that is not given.
const absent = `\N`

// A driver holds what requests have named.
type driver struct {
	services  map[string]*ocireg.DefaultService
	endpoints map[string]endpoint
	sessions  map[string]session

	// What the next request runs under.
	timeout, cancelAfter time.Duration

	watching bool
	events   []string
	records  []string // The parts of the library that have logged, each with its level.
	asked    []string // What the credentials function was told.
}

// A recorder is the slog.Handler of a driver.
type recorder struct {
	d    *driver
	most int
}

var levels = []slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo, slog.LevelDebug, ocireg.LevelTrace}

func (r recorder) Enabled(_ context.Context, level slog.Level) bool {
	return slices.Index(levels, level) < r.most
}

func (r recorder) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "target" {
			seen := fmt.Sprintf("%s %d", a.Value, slices.Index(levels, record.Level)+1)
			if !slices.Contains(r.d.records, seen) {
				r.d.records = append(r.d.records, seen)
			}
		}
		return true
	})
	return nil
}

func (r recorder) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r recorder) WithGroup(string) slog.Handler      { return r }

// An endpoint is an [endpointV2] or an [endpointV1].
type endpoint interface {
	io.Closer
	String() string
	Path(string) (string, error)
	IsSecure() (bool, error)
	Ping(context.Context) (*ocireg.PingResult, error)
}

// endpointV2 knows what it was made of, for the same place by v1.
type endpointV2 struct {
	*ocireg.Endpoint
	service *ocireg.DefaultService
	of      ocireg.APIEndpoint
}

type endpointV1 struct{ *ocireg.V1Endpoint }

func (e endpointV1) Path(path string) (string, error) { return e.V1Endpoint.Path(path), nil }
func (e endpointV1) IsSecure() (bool, error)          { return e.V1Endpoint.IsSecure, nil }
func (e endpointV1) Ping(ctx context.Context) (*ocireg.PingResult, error) {
	result, err := e.PingContext(ctx)
	return &result, err
}

// sessionV1 is a session of protocol v1 that is like the others.
type sessionV1 struct{ *ocireg.Session }

func (x sessionV1) ID() (string, error) { return x.Session.ID(), nil }

// A session is an [ocireg.Registry], an [ocireg.Repository] or a [sessionV1].
type session interface {
	io.Closer
	ID() (string, error)
	Info() (*ocireg.SessionInfo, error)
	Ping(context.Context) (*ocireg.PingResult, error)
}

// name is a reference that nobody has parsed.
type name string

func (n name) String() string { return string(n) }
func (n name) Name() string   { return string(n) }

// A request is what handles it, and how many fields it has.
type request struct {
	fields int
	handle func(d *driver, ctx context.Context, f []string) (any, error)
}

func main() {
	d := &driver{
		services:  map[string]*ocireg.DefaultService{},
		endpoints: map[string]endpoint{},
		sessions:  map[string]session{},
	}
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadString('\n')
		if err != nil && line == "" {
			return
		}
		fields := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		fmt.Fprintln(out, d.answer(fields[0], fields[1:]))
		out.Flush()
		if fields[0] == "quit" {
			return
		}
	}
}

func (d *driver) answer(what string, fields []string) string {
	value, err := d.run(what, fields)
	if err != nil {
		var known *ocireg.Error
		if !errors.As(err, &known) {
			document, _ := json.Marshal(map[string]string{"name": "DRIVER", "message": err.Error()})
			return "error\t" + string(document)
		}
		document, err := json.Marshal(known)
		if err != nil {
			panic(err)
		}
		return "error\t" + string(document)
	}
	text, ok := value.(string)
	if !ok && value != nil {
		document, err := ocireg.Marshal(value)
		if err != nil {
			panic(err)
		}
		text = string(document)
	}
	return "ok\t" + text
}

func (d *driver) run(what string, fields []string) (any, error) {
	if what == "quit" {
		return nil, nil
	}
	r, ok := requests[what]
	if !ok {
		if r, ok = called(what); !ok {
			return nil, fmt.Errorf("unknown request %s", what)
		}
	}
	if r.fields >= 0 && len(fields) != r.fields {
		return nil, fmt.Errorf("%s has %d fields, not %d", what, r.fields, len(fields))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if what != "with" {
		if d.timeout > 0 {
			var end context.CancelFunc
			ctx, end = context.WithTimeout(ctx, d.timeout)
			defer end()
		}
		if d.cancelAfter > 0 {
			defer time.AfterFunc(d.cancelAfter, cancel).Stop()
		}
		d.timeout, d.cancelAfter = 0, 0
	}
	if d.watching {
		ctx = ocireg.WithProgress(ctx, func(p ocireg.Progress) error {
			if !slices.Contains(d.events, p.Event.Kind) {
				d.events = append(d.events, p.Event.Kind)
			}
			return nil
		})
	}
	return r.handle(d, ctx, fields)
}

// text is a field for which "not given" is empty text.
func text(field string) string {
	if field == absent {
		return ""
	}
	return field
}

// options reads an option document; nil if it is not given. What the struct would not give back as it was, such as a wrong
// type or an unknown name below, goes through its field Extra, so that the library sees what the request says.
func options[T any](field string) (*T, error) {
	o, err := optionsOf(reflect.TypeFor[T](), field)
	if err != nil {
		return nil, err
	}
	return o.Interface().(*T), nil
}

func optionsOf(t reflect.Type, field string) (reflect.Value, error) {
	if field == absent {
		return reflect.Zero(reflect.PointerTo(t)), nil
	}
	typed := reflect.New(t)
	if json.Unmarshal([]byte(field), typed.Interface()) == nil {
		again, err := json.Marshal(typed.Interface())
		if err == nil && sameJSON(again, []byte(field)) {
			return typed, nil
		}
	}
	extra := ocireg.Extra{}
	if json.Unmarshal([]byte(field), &extra) != nil {
		return reflect.Value{}, errors.New("Go's options are always an object")
	}
	untyped := reflect.New(t)
	untyped.Elem().FieldByName("Extra").Set(reflect.ValueOf(extra))
	return untyped, nil
}

func sameJSON(a, b []byte) bool {
	var left, right any
	return json.Unmarshal(a, &left) == nil && json.Unmarshal(b, &right) == nil && reflect.DeepEqual(left, right)
}

// value reads a document into a type of the package; its zero value if it is not given.
func value[T any](field string) (T, error) {
	var v T
	if field == absent {
		return v, nil
	}
	if err := ocireg.Unmarshal([]byte(field), &v); err != nil {
		return v, fmt.Errorf("Go's %T cannot hold this: %w", v, err)
	}
	return v, nil
}

// get finds what a request has named.
func get[T any](all map[string]T, name string) (T, error) {
	found, ok := all[name]
	if !ok {
		return found, fmt.Errorf("no handle %s", name)
	}
	return found, nil
}

// free closes what a request has named, and forgets it.
func free[T io.Closer](all map[string]T, name string) (any, error) {
	found, err := get(all, name)
	if err != nil {
		return nil, err
	}
	delete(all, name)
	return nil, found.Close()
}

func (d *driver) repository(name string) (*ocireg.Repository, error) {
	found, err := get(d.sessions, name)
	if err != nil {
		return nil, err
	}
	repository, ok := found.(*ocireg.Repository)
	if !ok {
		return nil, fmt.Errorf("%s is a whole registry, which has no such method in Go", name)
	}
	return repository, nil
}

func milliseconds(field string) (time.Duration, error) {
	n, err := strconv.ParseInt(field, 10, 64)
	return time.Duration(n) * time.Millisecond, err
}

// ofV1 is a request to a session of protocol v1, which has the other fields.
func ofV1(fields int, handle func(ctx context.Context, x *ocireg.Session, f []string) (any, error)) request {
	return request{fields, func(d *driver, ctx context.Context, f []string) (any, error) {
		found, err := get(d.sessions, f[0])
		if err != nil {
			return nil, err
		}
		x, ok := found.(sessionV1)
		if !ok {
			return nil, fmt.Errorf("%s is of protocol v2, which has no such method in Go", f[0])
		}
		return handle(ctx, x.Session, f[1:])
	}}
}

// imageData reads what is known of an image, with the checksum that has no place in published JSON.
func imageData(field string) (*ocireg.ImgData, error) {
	image, err := value[*ocireg.ImgData](field)
	if err != nil {
		return nil, err
	}
	more, err := value[map[string]string](field)
	image.ChecksumPayload = more["checksum_payload"]
	return image, err
}

// readAll tells what a reader holds, and closes it.
func readAll(reader interface {
	io.ReadCloser
	Size() int64
}) (any, error) {
	defer reader.Close()
	hash := sha256.New()
	read, err := io.Copy(hash, reader)
	if err != nil {
		return nil, err
	}
	return map[string]any{"size": reader.Size(), "read": read, "sha256": hex.EncodeToString(hash.Sum(nil))}, nil
}

var requests = map[string]request{
	"with": {2, func(d *driver, _ context.Context, f []string) (_ any, err error) {
		if d.timeout, err = milliseconds(f[0]); err != nil {
			return nil, err
		}
		d.cancelAfter, err = milliseconds(f[1])
		return nil, err
	}},
	"progress": {1, func(d *driver, _ context.Context, f []string) (any, error) {
		if d.watching = f[0] == "on"; d.watching {
			d.events = nil
		}
		return nil, nil
	}},
	"events": {0, func(d *driver, _ context.Context, _ []string) (any, error) {
		return append([]string{}, d.events...), nil
	}},
	"service_set_log": {2, func(d *driver, _ context.Context, f []string) (any, error) {
		s, err := get(d.services, f[0])
		if err != nil {
			return nil, err
		}
		level, err := strconv.Atoi(f[1])
		if err != nil {
			return nil, err
		}
		d.records = nil
		if level == 0 {
			return nil, s.SetLogger(nil)
		}
		return nil, s.SetLogger(slog.New(recorder{d, level}))
	}},
	"service_set_credentials": {3, func(d *driver, _ context.Context, f []string) (any, error) {
		s, err := get(d.services, f[0])
		if err != nil {
			return nil, err
		}
		d.asked = nil
		if f[1] == `\N` {
			return nil, s.SetCredentials(nil)
		}
		answers := map[string]string{"first": f[1], "refused": f[2]}
		return nil, s.SetCredentials(func(_ context.Context, r ocireg.CredentialRequest) (*ocireg.AuthConfig, error) {
			d.asked = append(d.asked, r.Reason+" "+r.Repository)
			switch answer := answers[r.Reason]; answer {
			case "pass":
				return nil, nil
			case "stop":
				return nil, errors.New("enough")
			default:
				var auth ocireg.AuthConfig
				return &auth, json.Unmarshal([]byte(answer), &auth)
			}
		})
	}},
	"asked": {0, func(d *driver, _ context.Context, _ []string) (any, error) {
		return append([]string{}, d.asked...), nil
	}},
	"logged": {0, func(d *driver, _ context.Context, _ []string) (any, error) {
		return append([]string{}, d.records...), nil
	}},
	"fd_open": {2, func(_ *driver, _ context.Context, f []string) (any, error) {
		number, err := strconv.Atoi(f[0])
		if err != nil {
			return nil, err
		}
		fd, err := syscall.Open(f[1], syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, err
		}
		defer syscall.Close(fd)
		return nil, syscall.Dup2(fd, number)
	}},
	"version": {0, func(*driver, context.Context, []string) (any, error) {
		return ocireg.Version(), nil
	}},

	"layout_list": {2, func(_ *driver, ctx context.Context, f []string) (any, error) {
		images, err := ocireg.LayoutList(ctx, text(f[0]))
		return map[string]any{"images": images}, err
	}},
	"layout_remove": {2, func(_ *driver, ctx context.Context, f []string) (any, error) {
		removed, err := ocireg.LayoutRemove(ctx, text(f[0]))
		return map[string]any{"removed": removed}, err
	}},
	"layout_collect": {2, func(_ *driver, ctx context.Context, f []string) (any, error) {
		options, err := argument(reflect.TypeFor[*ocireg.CollectOptions](), f[1])
		if err != nil {
			return nil, err
		}
		return ocireg.LayoutCollect(ctx, text(f[0]), options.Interface().(*ocireg.CollectOptions))
	}},
	"layout_verify": {2, func(_ *driver, ctx context.Context, f []string) (any, error) {
		return ocireg.LayoutVerify(ctx, text(f[0]))
	}},

	"convert_to_hostname": {1, func(_ *driver, _ context.Context, f []string) (any, error) {
		return ocireg.ConvertToHostname(text(f[0])), nil
	}},
	"validate_index_name": {1, func(_ *driver, _ context.Context, f []string) (any, error) {
		return ocireg.ValidateIndexName(text(f[0]))
	}},
	"validate_mirror": {1, func(_ *driver, _ context.Context, f []string) (any, error) {
		return ocireg.ValidateMirror(text(f[0]))
	}},
	"parse_reference": {1, func(_ *driver, _ context.Context, f []string) (any, error) {
		r, err := ocireg.ParseReference(text(f[0]))
		if err != nil {
			return nil, err
		}
		return map[string]string{
			"canonical": r.String(), "familiar": r.Familiar(), "familiar_name": r.FamiliarName(), "name": r.Name(),
			"domain": r.Domain(), "path": r.Path(), "tag": r.Tag(), "digest": r.Digest(),
			"with_default_tag": r.WithDefaultTag(),
		}, nil
	}},
	"parse_repository_info": {1, func(_ *driver, _ context.Context, f []string) (any, error) {
		return ocireg.ParseRepositoryInfo(name(text(f[0])))
	}},
	"parse_search_index_info": {1, func(_ *driver, _ context.Context, f []string) (any, error) {
		return ocireg.ParseSearchIndexInfo(text(f[0]))
	}},
	"auth_config_key": {1, func(_ *driver, _ context.Context, f []string) (any, error) {
		index, err := value[*ocireg.IndexInfo](f[0])
		if err != nil {
			return nil, err
		}
		return ocireg.GetAuthConfigKey(index), nil
	}},
	"resolve_auth_config": {2, func(_ *driver, _ context.Context, f []string) (any, error) {
		auths, err := value[map[string]ocireg.AuthConfig](f[0])
		if err != nil {
			return nil, err
		}
		index, err := value[*ocireg.IndexInfo](f[1])
		if err != nil {
			return nil, err
		}
		return ocireg.ResolveAuthConfig(auths, index), nil
	}},
	"parse_challenges": {1, func(_ *driver, _ context.Context, f []string) (any, error) {
		lines, err := value[[]string](f[0])
		if err != nil {
			return nil, err
		}
		return ocireg.ParseChallenges(lines)
	}},
	"read_certs_directory": {1, func(_ *driver, _ context.Context, f []string) (any, error) {
		return ocireg.CertsDirectory(text(f[0]))
	}},
	"certs_dir": {0, func(*driver, context.Context, []string) (any, error) {
		return ocireg.CertsDir, nil
	}},

	"service_new": {2, func(d *driver, _ context.Context, f []string) (any, error) {
		o, err := options[ocireg.ServiceOptions](f[1])
		if err != nil {
			return nil, err
		}
		if o == nil {
			o = &ocireg.ServiceOptions{}
		}
		d.services[f[0]], err = ocireg.NewService(*o)
		if err != nil {
			delete(d.services, f[0])
		}
		return nil, err
	}},
	"service_free": {1, func(d *driver, _ context.Context, f []string) (any, error) {
		return free(d.services, f[0])
	}},
	"service_config": {1, func(d *driver, _ context.Context, f []string) (any, error) {
		s, err := get(d.services, f[0])
		if err != nil {
			return nil, err
		}
		return s.ServiceConfig(), nil
	}},
	"service_replace_config": {2, func(d *driver, _ context.Context, f []string) (any, error) {
		s, err := get(d.services, f[0])
		if err != nil {
			return nil, err
		}
		o, err := options[ocireg.ServiceOptions](f[1])
		if err != nil {
			return nil, err
		}
		if o == nil {
			o = &ocireg.ServiceOptions{}
		}
		return nil, s.ReplaceConfig(*o)
	}},
	"service_tls_config": {2, func(d *driver, ctx context.Context, f []string) (any, error) {
		s, err := get(d.services, f[0])
		if err != nil {
			return nil, err
		}
		return s.TLSSettings(ctx, text(f[1]))
	}},
	"service_auth": {3, func(d *driver, ctx context.Context, f []string) (any, error) {
		s, err := get(d.services, f[0])
		if err != nil {
			return nil, err
		}
		auth, err := value[*ocireg.AuthConfig](f[1])
		if err != nil {
			return nil, err
		}
		status, token, err := s.Auth(ctx, auth, text(f[2]))
		return map[string]string{"Status": status, "IdentityToken": token}, err
	}},

	"endpoint_new": {3, func(d *driver, _ context.Context, f []string) (any, error) {
		s, err := get(d.services, f[0])
		if err != nil {
			return nil, err
		}
		api, err := value[ocireg.APIEndpoint](f[2])
		if err != nil {
			return nil, err
		}
		delete(d.endpoints, f[1])
		made, err := s.NewEndpoint(api)
		if err != nil {
			return nil, err
		}
		d.endpoints[f[1]] = endpointV2{made, s, api}
		return nil, nil
	}},
	"endpoint_new_v1": {5, func(d *driver, ctx context.Context, f []string) (any, error) {
		s, err := get(d.services, f[0])
		if err != nil {
			return nil, err
		}
		index, err := value[*ocireg.IndexInfo](f[2])
		if err != nil {
			return nil, err
		}
		headers, err := value[http.Header](f[4])
		if err != nil {
			return nil, err
		}
		made, err := s.NewV1Endpoint(ctx, index, text(f[3]), headers)
		if err != nil {
			return nil, err
		}
		d.endpoints[f[1]] = endpointV1{made}
		return nil, nil
	}},
	"endpoint_to_v1": {4, func(d *driver, _ context.Context, f []string) (any, error) {
		e, err := get(d.endpoints, f[0])
		if err != nil {
			return nil, err
		}
		v2, ok := e.(endpointV2)
		if !ok {
			return nil, fmt.Errorf("%s is of v1 already, and has no such method in Go", f[0])
		}
		headers, err := value[http.Header](f[3])
		if err != nil {
			return nil, err
		}
		made, err := v2.service.ToV1Endpoint(v2.of, text(f[2]), headers)
		if err != nil {
			return nil, err
		}
		d.endpoints[f[1]] = endpointV1{made}
		return nil, nil
	}},
	"endpoint_to_string": {1, func(d *driver, _ context.Context, f []string) (any, error) {
		e, err := get(d.endpoints, f[0])
		if err != nil {
			return nil, err
		}
		return e.String(), nil
	}},
	"endpoint_free": {1, func(d *driver, _ context.Context, f []string) (any, error) {
		return free(d.endpoints, f[0])
	}},

	"session_new": {3, func(d *driver, ctx context.Context, f []string) (any, error) {
		e, err := get(d.endpoints, f[0])
		if err != nil {
			return nil, err
		}
		auth, err := value[*ocireg.AuthConfig](f[2])
		if err != nil {
			return nil, err
		}
		if e, ok := e.(endpointV1); ok {
			x, err := ocireg.NewSessionContext(ctx, nil, auth, e.V1Endpoint)
			if err != nil {
				return nil, err
			}
			d.sessions[f[1]] = sessionV1{x}
			return nil, nil
		}
		registry, err := e.(endpointV2).NewRegistry(ctx, auth)
		if err != nil {
			return nil, err
		}
		d.sessions[f[1]] = registry
		return nil, nil
	}},
	"session_open": {4, func(d *driver, ctx context.Context, f []string) (any, error) {
		s, err := get(d.services, f[0])
		if err != nil {
			return nil, err
		}
		o, err := options[ocireg.OpenOptions](f[3])
		if err != nil {
			return nil, err
		}
		repository, err := s.OpenRepository(ctx, text(f[2]), o)
		if err != nil {
			return nil, err
		}
		d.sessions[f[1]] = repository
		return nil, nil
	}},
	"session_repository": {3, func(d *driver, _ context.Context, f []string) (any, error) {
		found, err := get(d.sessions, f[0])
		if err != nil {
			return nil, err
		}
		registry, ok := found.(*ocireg.Registry)
		if !ok {
			return nil, fmt.Errorf("%s is a repository, which has no such method in Go", f[0])
		}
		repository, err := registry.Repository(text(f[2]))
		if err != nil {
			return nil, err
		}
		d.sessions[f[1]] = repository
		return nil, nil
	}},
	"session_get_manifest": {3, func(d *driver, ctx context.Context, f []string) (any, error) {
		x, err := d.repository(f[0])
		if err != nil {
			return nil, err
		}
		o, err := options[ocireg.ManifestOptions](f[2])
		if err != nil {
			return nil, err
		}
		manifest, err := x.GetManifest(ctx, text(f[1]), o)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(manifest.Data)
		return map[string]any{"descriptor": manifest.Descriptor, "sha256": hex.EncodeToString(sum[:]),
			"size": len(manifest.Data)}, nil
	}},
	"session_open_blob": {4, func(d *driver, ctx context.Context, f []string) (any, error) {
		x, err := d.repository(f[0])
		if err != nil {
			return nil, err
		}
		o, err := options[ocireg.BlobOptions](f[3])
		if err != nil {
			return nil, err
		}
		if o == nil {
			o = &ocireg.BlobOptions{}
		}
		if o.Offset, err = strconv.ParseInt(f[2], 10, 64); err != nil {
			return nil, err
		}
		reader, err := x.OpenBlob(ctx, text(f[1]), o)
		if err != nil {
			return nil, err
		}
		return readAll(reader)
	}},
	"session_read_at": {5, func(d *driver, ctx context.Context, f []string) (any, error) {
		x, err := d.repository(f[0])
		if err != nil {
			return nil, err
		}
		o, err := options[ocireg.RemoteBlobOptions](f[2])
		if err != nil {
			return nil, err
		}
		offset, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			return nil, err
		}
		capacity, err := strconv.Atoi(f[4])
		if err != nil {
			return nil, err
		}
		blob, err := x.RemoteBlob(ctx, text(f[1]), o)
		if err != nil {
			return nil, err
		}
		defer blob.Close()
		part := make([]byte, capacity)
		count, err := blob.ReadAt(part, offset)
		if err != nil && err != io.EOF {
			return nil, err
		}
		size, err := blob.Size()
		sum := sha256.Sum256(part[:count])
		return map[string]any{"sha256": hex.EncodeToString(sum[:]), "count": count, "size": size}, err
	}},
	"session_verify_blob": {4, func(d *driver, ctx context.Context, f []string) (any, error) {
		x, err := d.repository(f[0])
		if err != nil {
			return nil, err
		}
		o, err := options[ocireg.BlobOptions](f[3])
		if err != nil {
			return nil, err
		}
		most, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil {
			return nil, err
		}
		reader, err := x.OpenBlob(ctx, text(f[1]), o)
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		read, err := io.CopyN(io.Discard, reader, most)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err := reader.Verify(); err != nil {
			return nil, err
		}
		after, err := reader.Read(make([]byte, 1))
		if err != io.EOF {
			return nil, err
		}
		return map[string]any{"read": read, "after": after}, reader.Close()
	}},
	"session_put_blob": {4, func(d *driver, ctx context.Context, f []string) (any, error) {
		x, err := d.repository(f[0])
		if err != nil {
			return nil, err
		}
		o, err := options[ocireg.PutBlobOptions](f[1])
		if err != nil {
			return nil, err
		}
		expected, err := options[ocireg.CommitOptions](f[3])
		if err != nil {
			return nil, err
		}
		w, err := x.PutBlob(ctx, o)
		if err != nil {
			return nil, err
		}
		defer w.Close()
		for _, part := range []string{f[2][:len(f[2])/2], f[2][len(f[2])/2:]} {
			if _, err := io.WriteString(w, part); err != nil {
				return nil, err
			}
		}
		return w.Commit(expected)
	}},
	"session_mount_blob": {3, func(d *driver, ctx context.Context, f []string) (any, error) {
		x, err := d.repository(f[0])
		if err != nil {
			return nil, err
		}
		w, err := x.MountBlob(ctx, text(f[1]), text(f[2]))
		if err != nil {
			return nil, err
		}
		if w == nil {
			return "1", nil
		}
		defer w.Close()
		return "0", w.Abort()
	}},
	"session_free": {1, func(d *driver, _ context.Context, f []string) (any, error) {
		return free(d.sessions, f[0])
	}},

	"session_get_remote_image_json": ofV1(3, func(ctx context.Context, x *ocireg.Session, f []string) (any, error) {
		data, size, err := x.GetRemoteImageJSONContext(ctx, f[0], f[1])
		sum := sha256.Sum256(data)
		return map[string]any{"sha256": hex.EncodeToString(sum[:]), "layer_size": size}, err
	}),
	"session_get_remote_image_layer": ofV1(4, func(ctx context.Context, x *ocireg.Session, f []string) (any, error) {
		size, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil {
			return nil, err
		}
		reader, err := x.GetRemoteImageLayerContext(ctx, f[0], f[1], size)
		if err != nil {
			return nil, err
		}
		return readAll(reader)
	}),
	"session_push_image_json_registry": ofV1(4, func(ctx context.Context, x *ocireg.Session, f []string) (any, error) {
		image, err := imageData(f[0])
		if err != nil {
			return nil, err
		}
		return nil, x.PushImageJSONRegistryContext(ctx, image, []byte(f[2]), f[1])
	}),
	"session_push_image_layer_registry": ofV1(5, func(ctx context.Context, x *ocireg.Session, f []string) (any, error) {
		file, err := os.Open(f[3])
		if err != nil {
			return nil, err
		}
		defer file.Close()
		sum, payload, err := x.PushImageLayerRegistryContext(ctx, f[0], file, f[1], []byte(f[2]))
		return map[string]any{"checksum": sum, "checksum_payload": payload}, err
	}),
	"session_push_image_checksum_registry": ofV1(3, func(ctx context.Context, x *ocireg.Session, f []string) (any, error) {
		image, err := imageData(f[0])
		if err != nil {
			return nil, err
		}
		return nil, x.PushImageChecksumRegistryContext(ctx, image, f[1])
	}),
}
