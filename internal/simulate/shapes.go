package simulate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"jamf-ldap-proxy/internal/secret"
)

// Shapes puts every shape of request that Jamf is known or expected to make to the
// directory and to the proxy before it.
type Shapes struct {
	Direct, Proxy *Jamf // one of them may be nil
	// The user and the group that are asked about; "" chooses a group that has a
	// member, and one of its members.
	User, Group string
	Password    secret.Password // of User; without it the shape of a login is passed over
	// Bridges tells whether the proxy is to answer what the directory cannot.
	Bridges bool
}

// Verdict is what is to be made of a shape.
type Verdict string

// The verdicts.
const (
	Works      Verdict = "works"
	OnlyProxy  Verdict = "works only through the proxy"
	Fails      Verdict = "fails"
	AsDirect   Verdict = "the directory cannot either" // and the proxy is not to change that
	PassedOver Verdict = "passed over"
)

// ShapeTable is how all shapes were answered.
type ShapeTable struct {
	User   string     `json:"user"`
	Group  string     `json:"group"`
	Member bool       `json:"member"` // the user is in the group
	Rows   []ShapeRow `json:"rows"`
}

// ShapeRow is one shape; an answer is nil when its side was not asked.
type ShapeRow struct {
	Number  int          `json:"number"` // 1 to 25
	Name    string       `json:"name"`
	Direct  *ShapeAnswer `json:"direct,omitempty"`
	Proxy   *ShapeAnswer `json:"proxy,omitempty"`
	Verdict Verdict      `json:"verdict"`
}

// ShapeAnswer is how one side answered a shape.
type ShapeAnswer struct {
	Filter string `json:"filter,omitempty"` // of a search or a compare
	Said   string `json:"said"`             // a few words: 1 entry, yes, unwillingToPerform (53)
	Good   bool   `json:"good"`             // it is what Jamf needs
	// Skipped says why it was not asked; the rest is empty then.
	Skipped string `json:"skipped,omitempty"`

	err    error // there was no answer
	broken bool  // the connection is of no use any more
}

// Failed counts the shapes that fail.
func (t *ShapeTable) Failed() (n int) {
	for i := range t.Rows {
		if t.Rows[i].Verdict == Fails {
			n++
		}
	}
	return n
}

// ErrNoSample is wrapped by the error of [Shapes.Ask] when there is nobody to ask about.
var ErrNoSample = errors.New("nothing to ask about")

// Ask puts all shapes, to both sides at once. ctx bounds it and should have an
// end. It fails when there is nobody to ask about, or nobody to ask; what goes
// wrong later is in the table.
func (o *Shapes) Ask(ctx context.Context) (*ShapeTable, error) {
	var sides []*side // the proxy first
	for _, j := range []*Jamf{o.Proxy, o.Direct} {
		if j == nil {
			continue
		}
		if err := j.Mappings.check(); err != nil {
			return nil, err
		}
		s := &side{jamf: j, ctx: ctx, password: o.Password}
		sides = append(sides, s)
		defer s.close()
	}
	if len(sides) == 0 {
		return nil, errors.New("there is no server to ask")
	}
	sample, err := o.sample(sides)
	if err != nil {
		return nil, err
	}
	answers := make(map[*Jamf][]ShapeAnswer, len(sides))
	var (
		asking sync.WaitGroup
		mu     sync.Mutex
	)
	for _, s := range sides {
		s.sample = sample
		asking.Go(func() {
			given := s.askAll(ctx)
			mu.Lock()
			defer mu.Unlock()
			answers[s.jamf] = given
		})
	}
	asking.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("asking all shapes: %w", context.Cause(ctx))
	}
	t := &ShapeTable{User: sample.user, Group: sample.group, Member: sample.member}
	for n, shape := range shapes {
		row := ShapeRow{Number: shape.number, Name: shape.name}
		if given := answers[o.Direct]; given != nil {
			row.Direct = &given[n]
		}
		if given := answers[o.Proxy]; given != nil {
			row.Proxy = &given[n]
		}
		row.Verdict = o.judge(&row)
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

func (o *Shapes) judge(row *ShapeRow) Verdict {
	d, p := row.Direct, row.Proxy
	if p == nil {
		p, d = d, nil
	}
	switch {
	case p.Skipped != "":
		return PassedOver
	case p.Good && (d == nil || d.Good):
		return Works
	case p.Good:
		return OnlyProxy
	case row.Proxy == nil, !o.Bridges && d != nil && !d.Good:
		return AsDirect
	}
	return Fails
}
