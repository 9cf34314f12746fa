package ocireg

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Extra holds additional options by their names in the library's JSON. They override fields of the same name.
type Extra map[string]json.RawMessage

// marshalWith returns the JSON object of fields with the keys of extra added.
func marshalWith(fields any, extra Extra) ([]byte, error) {
	document, err := json.Marshal(fields)
	if err != nil || len(extra) == 0 {
		return document, err
	}
	all := Extra{}
	if err := json.Unmarshal(document, &all); err != nil {
		return nil, err
	}
	for key, value := range extra {
		all[key] = value
	}
	return json.Marshal(all)
}

// documented is a value whose JSON for the library differs from that of encoding/json. It is not a json.Marshaler,
// because a struct that embeds one loses its other fields.
type documented interface{ document() ([]byte, error) }

// readable is a result whose JSON from the library is not what encoding/json reads.
type readable interface{ read(document []byte) error }

func toDocument(value any) ([]byte, error) {
	if d, ok := value.(documented); ok && !isNil(value) {
		return d.document()
	}
	return json.Marshal(value)
}

func isNil(value any) bool {
	v := reflect.ValueOf(value)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

func fromDocument(document []byte, value any) error {
	if r, ok := value.(readable); ok {
		return r.read(document)
	}
	return json.Unmarshal(document, value)
}

// encode returns the library's JSON of an argument.
func encode(argument string, value any) (string, error) {
	document, err := toDocument(value)
	var ours *Error
	if errors.As(err, &ours) {
		return "", ours
	}
	if err != nil {
		return "", ownError(Error{Code: CodeInvalidJSON, Name: "INVALID_JSON", Argument: argument,
			Message: "the " + argument + " cannot be written as JSON: " + err.Error()})
	}
	if replaced(document) {
		return "", ownError(Error{Code: CodeInvalidUTF8, Name: "INVALID_UTF8", Argument: argument,
			Message: "the " + argument + " contains a string that is not valid UTF-8"})
	}
	return string(document), nil
}

// replaced reports whether Go has replaced bytes that are not valid UTF-8, which would change a password, for example.
// A U+FFFD that was in the string is not escaped.
func replaced(document []byte) bool {
	for {
		i := bytes.IndexByte(document, '\\')
		if i < 0 {
			return false
		}
		if bytes.HasPrefix(document[i:], []byte(`\ufffd`)) {
			return true
		}
		document = document[i+2:] // Also past an escaped backslash.
	}
}

// encodeOptional is like encode; nil becomes NULL.
func encodeOptional[T any](argument string, value *T) (*string, error) {
	if value == nil {
		return nil, nil
	}
	document, err := encode(argument, value)
	return &document, err
}

// optionalText returns NULL for an empty string.
func optionalText(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// encodeList is like encode for a list; nil becomes an empty list.
func encodeList(argument string, list []string) (string, error) {
	return encode(argument, append([]string{}, list...))
}

// encodeHeaders is like encode for headers; without any, it returns NULL.
func encodeHeaders(headers map[string][]string) (*string, error) {
	all := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		for _, value := range headers[name] {
			if !utf8.ValidString(value) { // Go would write something else in its place.
				return nil, ownError(Error{Code: CodeInvalidUTF8, Name: "INVALID_UTF8", Argument: "headers",
					Message: "the value of the header " + strconv.Quote(name) + " is not valid UTF-8"})
			}
			all[name] = append(all[name], value)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return encodeOptional("headers", &all)
}

// A rawKeeper is a result that keeps the JSON it was decoded from.
type rawKeeper interface{ keepRaw(json.RawMessage) }

// decode decodes a result of the library, or converts its error.
func decode[T any](document string, err error) (T, error) {
	var value T
	if err != nil {
		return value, newError(err)
	}
	if err := fromDocument([]byte(document), &value); err != nil {
		var ours *Error
		if errors.As(err, &ours) {
			return value, ours
		}
		return value, ownError(Error{Code: CodeInternal, Name: "INTERNAL",
			Message: "cannot read the result of the library: " + err.Error(),
			Hint:    "use the same version of the library and of this package"})
	}
	if keeper, ok := any(&value).(rawKeeper); ok {
		keeper.keepRaw(json.RawMessage(document))
	}
	return value, nil
}

// decodeNew is like decode for results that are returned as pointers.
func decodeNew[T any](document string, err error) (*T, error) {
	value, err := decode[T](document, err)
	if err != nil {
		return nil, err
	}
	return &value, nil
}
