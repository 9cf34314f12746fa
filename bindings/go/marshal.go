package ocireg

import (
	"encoding/json"
	"reflect"
)

// Marshal returns the library's JSON of a value of this package, as the C interface takes and gives it. Where it differs
// from what encoding/json writes, such as for an [APIEndpoint], that is because types which programs embed must not be
// json.Marshalers: they would take over the JSON of the struct around them.
func Marshal(value any) ([]byte, error) {
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct {
		all := make([]json.RawMessage, v.Len())
		for i := range all {
			document, err := toDocument(v.Index(i).Interface())
			if err != nil {
				return nil, err
			}
			all[i] = document
		}
		return json.Marshal(all)
	}
	return toDocument(value)
}

// Unmarshal reads the library's JSON into the value of this package that value points to.
func Unmarshal(document []byte, value any) error { return fromDocument(document, value) }

// document gives the library's form.
func (r RepositoryInfo) document() ([]byte, error) {
	name := ""
	if r.Name != nil {
		name = r.Name.Name()
	}
	var index json.RawMessage
	if r.Index != nil {
		var err error
		if index, err = r.Index.document(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(struct {
		Name     string
		Index    json.RawMessage `json:",omitempty"`
		Official bool
		Class    string
	}{name, index, r.Official, r.Class})
}
