package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	ocireg "github.com/ocireg/ocireg/bindings/go"
)

// called is the request that is one call of a method: the method's parameters say what the fields are.
func called(what string) (request, bool) {
	for _, c := range calls {
		if c.request == what {
			return request{-1, func(d *driver, ctx context.Context, f []string) (any, error) {
				return d.call(ctx, c.of, c.method, f)
			}}, true
		}
	}
	return request{}, false
}

// call calls the method of what the first field names.
func (d *driver) call(ctx context.Context, of, method string, f []string) (any, error) {
	owner, err := d.owner(of, f[0])
	if err != nil {
		return nil, err
	}
	// Methods that Docker's package has without a context have one with it beside them.
	f, found := f[1:], reflect.ValueOf(owner).MethodByName(method+"Context")
	if !found.IsValid() {
		found = reflect.ValueOf(owner).MethodByName(method)
	}
	if !found.IsValid() {
		return nil, fmt.Errorf("%T has no method %s in Go", owner, method)
	}
	var in []reflect.Value
	for i := range found.Type().NumIn() {
		t := found.Type().In(i)
		if t == reflect.TypeFor[context.Context]() {
			in = append(in, reflect.ValueOf(ctx))
			continue
		}
		if len(f) == 0 {
			return nil, fmt.Errorf("%s needs more fields", method)
		}
		v, err := argument(t, f[0])
		if err != nil {
			return nil, err
		}
		in, f = append(in, v), f[1:]
	}
	if len(f) > 0 {
		return nil, fmt.Errorf("%s has %d fields too many", method, len(f))
	}
	out := found.Call(in)
	if err, _ := out[len(out)-1].Interface().(error); err != nil || len(out) == 1 {
		return nil, err
	}
	return result(out[0]), nil
}

func (d *driver) owner(of, name string) (any, error) {
	switch of {
	case "service":
		return get(d.services, name)
	case "endpoint":
		return get(d.endpoints, name)
	}
	return get(d.sessions, name)
}

// argument reads a field as a parameter of this type.
func argument(t reflect.Type, field string) (reflect.Value, error) {
	if t.Kind() == reflect.Interface && reflect.TypeFor[name]().Implements(t) {
		return reflect.ValueOf(name(text(field))), nil
	}
	if t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
		if _, ok := t.Elem().FieldByName("Extra"); ok {
			return optionsOf(t.Elem(), field)
		}
	}
	v := reflect.New(t).Elem()
	switch {
	case t.Kind() == reflect.String:
		v.SetString(text(field))
	case t.Kind() == reflect.Bool:
		v.SetBool(field == "1")
	case v.CanInt():
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return v, err
		}
		v.SetInt(n)
	case t == reflect.TypeFor[[]byte]():
		v.SetBytes([]byte(field))
	case field != absent:
		if err := ocireg.Unmarshal([]byte(field), v.Addr().Interface()); err != nil {
			return v, fmt.Errorf("Go's %v cannot hold this: %w", t, err)
		}
	}
	return v, nil
}

// result is what an answer shows of a value: the document that it was made of, where it has one.
func result(v reflect.Value) any {
	if v.Kind() == reflect.Bool {
		return map[bool]string{false: "0", true: "1"}[v.Bool()]
	}
	if made := reflect.Indirect(v); made.Kind() == reflect.Struct {
		if raw := made.FieldByName("Raw"); raw.IsValid() {
			return raw.Interface().(json.RawMessage)
		}
	}
	return v.Interface()
}
