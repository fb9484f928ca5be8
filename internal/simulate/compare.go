package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Line is one thing that two answers say, each in its own words.
type Line struct {
	Label   string `json:"label"`
	Direct  string `json:"direct"`
	Proxy   string `json:"proxy"`
	Differs bool   `json:"differs"`
}

// Block is the lines about one entry, or, without a title, about the question.
type Block struct {
	Title string `json:"title"` // DN of the entry
	Lines []Line `json:"lines"`
}

// Nothing stands in a line where an answer has nothing to say.
const (
	nothing = "-"
	missing = "missing"
)

// Compare puts two answers to one question side by side: what the directory
// answers by itself, and what the proxy makes of it. One of them may be nil. The
// order of entries and of values does not matter.
func Compare(direct, proxy *Answer) []Block {
	first := Block{Lines: compareLines(direct.overview(), proxy.overview())}
	blocks := []Block{first}
	for _, lists := range [][2][]Entry{{direct.users(), proxy.users()}, {direct.groups(), proxy.groups()}} {
		for _, pair := range paired(lists[0], lists[1]) {
			blocks = append(blocks, Block{pair.dn, pair.compare()})
		}
	}
	if direct == nil || proxy == nil {
		nothingDiffers(blocks)
	}
	return blocks
}

// nothingDiffers is for one answer, which has nothing to differ from.
func nothingDiffers(blocks []Block) {
	for i := range blocks {
		b := &blocks[i]
		b.Lines = slices.DeleteFunc(b.Lines, func(l Line) bool { return b.Title != "" && l.Label == "Found" })
		for j := range b.Lines {
			b.Lines[j].Differs = false
		}
	}
}

// said is a label and what one answer says there.
type said struct{ label, text string }

func compareLines(direct, proxy []said) []Line {
	var lines []Line
	for _, d := range direct {
		line := Line{Label: d.label, Direct: d.text, Proxy: nothing}
		if i := slices.IndexFunc(proxy, func(p said) bool { return p.label == d.label }); i >= 0 {
			line.Proxy = proxy[i].text
		}
		lines = append(lines, line)
	}
	for _, p := range proxy {
		if !slices.ContainsFunc(direct, func(d said) bool { return d.label == p.label }) {
			lines = append(lines, Line{Label: p.label, Direct: nothing, Proxy: p.text})
		}
	}
	for i := range lines {
		lines[i].Differs = lines[i].Direct != lines[i].Proxy
	}
	return lines
}

// overview says in a few words how the question went.
func (a *Answer) overview() []said {
	if a == nil {
		return nil
	}
	var lines []said
	if len(a.Steps) > 0 && a.Steps[0].Result != 0 {
		lines = append(lines, said{"Bind", a.Steps[0].said()})
	}
	if a.Question != QuestionGroup {
		lines = append(lines, said{"Users found", strconv.Itoa(len(a.Users))})
	}
	if a.Question == QuestionGroup || a.Question == QuestionMembership {
		lines = append(lines, said{"Groups found", strconv.Itoa(len(a.Groups))})
	}
	switch {
	case a.Question == QuestionMembership && a.Membership == nil:
		lines = append(lines, said{"Member", "not known"})
	case a.Question == QuestionMembership:
		lines = append(lines, said{"Member", yesOrNo(a.Membership.Member)})
	case a.Question == QuestionLogin && a.Login == nil:
		lines = append(lines, said{"Login", "not tried"})
	case a.Question == QuestionLogin && a.Login.Accepted:
		lines = append(lines, said{"Login", "accepted"})
	case a.Question == QuestionLogin:
		lines = append(lines, said{"Login", "refused: " + a.Steps[len(a.Steps)-1].said()})
	}
	return lines
}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// said is the result of a step in words.
func (s *Step) said() string {
	if s.Result == NoResult {
		return "no answer"
	}
	return fmt.Sprintf("%s (%d)", s.ResultName, s.Result)
}

func (a *Answer) users() []Entry {
	if a == nil {
		return nil
	}
	return a.Users
}

func (a *Answer) groups() []Entry {
	if a == nil {
		return nil
	}
	return a.Groups
}

// pair is one entry in two answers; one of them may lack it.
type pair struct {
	dn            string
	direct, proxy *Entry
}

func paired(direct, proxy []Entry) []pair {
	var pairs []pair
	taken := make([]bool, len(proxy))
	for i := range direct {
		p := pair{dn: direct[i].DN, direct: &direct[i]}
		for j := range proxy {
			if !taken[j] && (proxy[j].DN == p.dn || sameDN(proxy[j].DN, p.dn)) {
				p.proxy, taken[j] = &proxy[j], true
				break
			}
		}
		pairs = append(pairs, p)
	}
	for j := range proxy {
		if !taken[j] {
			pairs = append(pairs, pair{dn: proxy[j].DN, proxy: &proxy[j]})
		}
	}
	return pairs
}

// compare compares an entry line by line. One that only one side has differs as a
// whole.
func (p *pair) compare() []Line {
	lines := compareLines(p.direct.lines(), p.proxy.lines())
	if p.direct != nil && p.proxy != nil {
		return lines
	}
	for i := range lines {
		lines[i].Differs = false
	}
	found := Line{Label: "Found", Direct: yesOrNo(p.direct != nil), Proxy: yesOrNo(p.proxy != nil), Differs: true}
	return append([]Line{found}, lines...)
}

func (e *Entry) lines() []said {
	if e == nil {
		return nil
	}
	var lines []said
	for i := range e.Rows {
		lines = append(lines, said{e.Rows[i].Label, e.Rows[i].text()})
	}
	if e.Members != nil {
		lines = append(lines, said{"Members", strconv.Itoa(*e.Members)})
	}
	return lines
}

// text is the value of a row on one line.
func (r *Row) text() string {
	if r.Missing {
		return missing
	}
	values := slices.Sorted(slices.Values(r.Values))
	if r.More > 0 {
		values = append(values, fmt.Sprintf("and %d more", r.More))
	}
	return strings.Join(values, ", ")
}
