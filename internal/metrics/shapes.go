package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"jamf-ldap-proxy/internal/lookup"
)

// maxShapes bounds the series of shape_lookups_total. Jamf asks in some thirty
// shapes; a client that makes up more of them gets a common count.
const maxShapes = 100

// shapes counts what is searched and compared by its shape, the first ones that
// come each for itself. It is used by one goroutine, that of the sink.
//
// The shape is read anew for every record, half a microsecond, rather than kept
// by the text of the filter: texts carry names, and where lookups are many, so are
// the names.
type shapes struct {
	lookups *prometheus.CounterVec
	known   map[string]prometheus.Counter
	rest    prometheus.Counter
	text    []byte // of the shape that is being counted
}

func newShapes(lookups *prometheus.CounterVec) *shapes {
	return &shapes{
		lookups: lookups,
		known:   make(map[string]prometheus.Counter, maxShapes),
		rest:    lookups.WithLabelValues(lookup.OtherShape),
	}
}

func (s *shapes) count(r *lookup.Record) {
	if r.Op != lookup.OpSearch && r.Op != lookup.OpCompare {
		return
	}
	s.text = r.AppendShape(s.text[:0])
	counter := s.known[string(s.text)]
	switch {
	case counter != nil:
	case len(s.known) == maxShapes:
		counter = s.rest
	default:
		shape := string(s.text)
		counter = s.lookups.WithLabelValues(shape)
		s.known[shape] = counter
	}
	counter.Inc()
}
