package ocireg

import (
	"encoding/json"
	"time"
)

// Nowhere, as a path in [ServiceOptions], means that no file is read. An empty path means the default location.
const Nowhere = "\x00nowhere"

func (o ServiceOptions) document() ([]byte, error) {
	all := Extra{}
	for name, path := range o.paths() {
		if *path == Nowhere {
			*path = ""
			all[name] = json.RawMessage(`""`)
		}
	}
	for name, value := range o.Extra {
		all[name] = value
	}
	return marshalWith(o, all)
}

// MarshalJSON implements [json.Marshaler].
func (p Proxy) MarshalJSON() ([]byte, error) {
	type fields Proxy
	if p.URL != "" || p == (Proxy{}) {
		return json.Marshal(p.URL)
	}
	return json.Marshal(fields(p))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (p *Proxy) UnmarshalJSON(document []byte) error {
	type fields Proxy
	if json.Unmarshal(document, &p.URL) == nil {
		return nil
	}
	return json.Unmarshal(document, (*fields)(p))
}

// inMilliseconds rounds up, so that a short time does not become none.
func inMilliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

// Milliseconds is a time.Duration that is a number of milliseconds in JSON.
type Milliseconds time.Duration

// MarshalJSON implements [json.Marshaler].
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(inMilliseconds(time.Duration(m)))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (m *Milliseconds) UnmarshalJSON(document []byte) error {
	var ms int64
	err := json.Unmarshal(document, &ms)
	*m = Milliseconds(fromMilliseconds(ms))
	return err
}

func fromMilliseconds(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
