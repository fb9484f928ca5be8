package web

import (
	"net/http"
	"slices"

	"jamf-ldap-proxy/internal/lookup"
)

// shapesPage is what Jamf asks, by shape.
type shapesPage struct {
	page
	Shapes []shapeRow
}

type shapeRow struct {
	lookup.ShapeStats
	Kind       string
	Lookups    string // address of the lookups of this shape
	LastHour   int
	Bars       []bar
	Last       string
	EmptyShare string
	Notable    bool // many in vain
}

// bar of a sparkline, one a minute.
type bar struct{ X, Y, Height int }

// sparkHeight is how high the busiest minute is drawn; sparkStep is a minute's
// width.
const (
	sparkHeight = 24
	sparkStep   = 2
)

func (s *Server) showShapes(w http.ResponseWriter, _ *http.Request) {
	p := shapesPage{page: s.page("Shapes", "/shapes")}
	for _, st := range s.shapes() {
		row := shapeRow{
			ShapeStats: st, Kind: kindWords[st.Kind], Lookups: listAddress(lookup.Query{Shape: st.Shape}.String(), ""),
			Bars: spark(st.PerMinute), Last: ago(s.Now(), st.Last), EmptyShare: share(st.Empty, st.Count),
			Notable: st.Empty*2 > st.Count,
		}
		for _, n := range st.PerMinute {
			row.LastHour += n
		}
		p.Shapes = append(p.Shapes, row)
	}
	s.render(w, http.StatusOK, "shapes", &p)
}

// shapes leaves out what asks nothing.
func (s *Server) shapes() []lookup.ShapeStats {
	if s.Shapes == nil {
		return []lookup.ShapeStats{}
	}
	return slices.DeleteFunc(s.Shapes.Stats(), func(st lookup.ShapeStats) bool {
		return st.Op == lookup.OpUnbind || st.Op == lookup.OpAbandon
	})
}

// spark draws counts as bars; the highest fills the height, and none is too low
// to see.
func spark(counts []int) []bar {
	most := 1
	for _, n := range counts {
		most = max(most, n)
	}
	var bars []bar
	for i, n := range counts {
		if n > 0 {
			height := max(n*sparkHeight/most, 2)
			bars = append(bars, bar{i * sparkStep, sparkHeight - height, height})
		}
	}
	return bars
}
