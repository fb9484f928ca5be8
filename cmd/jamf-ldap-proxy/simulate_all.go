package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/simulate"
)

// simulateAll asks every shape of every side that can be reached.
func (o *simulateOptions) simulateAll(ctx context.Context, sides []*simulated, password secret.Password, bridges bool, out output) error {
	direct, proxy := sides[0], sides[1]
	for _, s := range sides {
		if s.server == nil {
			continue
		}
		if conn, err := s.server.Dial(ctx); err != nil {
			s.err = err
		} else {
			_ = conn.Close()
		}
	}
	all := simulate.Shapes{User: o.user, Group: o.group, Password: password, Bridges: bridges}
	if direct.server != nil && direct.err == nil {
		all.Direct = direct.jamf()
	}
	if proxy.server != nil && proxy.err == nil {
		all.Proxy = proxy.jamf()
	}
	unreached := verdict(sides)
	if all.Direct == nil && all.Proxy == nil {
		return unreached
	}
	table, err := all.Ask(ctx)
	if errors.Is(err, simulate.ErrNoSample) {
		return errors.Join(unreached, &usageError{err, "--user NAME --group NAME, of those that are there"})
	}
	if err != nil {
		return errors.Join(unreached, err)
	}
	if o.asJSON {
		err = printJSON(out, table)
	} else {
		err = printShapes(out, table, direct, proxy)
	}
	if n := table.Failed(); n > 0 {
		err = errors.Join(err, fmt.Errorf("%s through the proxy that should not", failing(n)))
	}
	return errors.Join(err, unreached)
}

func failing(n int) string {
	if n == 1 {
		return "1 shape fails"
	}
	return strconv.Itoa(n) + " shapes fail"
}

func printShapes(out output, t *simulate.ShapeTable, direct, proxy *simulated) error {
	p := pairPrinter{out: out, paint: newPainter(out)}
	is := "is"
	if !t.Member {
		is = "is not"
	}
	p.printf("%s\n", p.paint.bold(fmt.Sprintf("%s, who %s in %s", shownName(t.User), is, shownName(t.Group))))
	for _, s := range []*simulated{direct, proxy} {
		switch {
		case s.server == nil:
		case s.err != nil:
			p.printf("  %s: %s does not answer\n", s.name, s.server)
		default:
			p.printf("  %s: %s\n", s.name, s.server)
		}
	}
	p.printf("\n")
	rows := [][]string{{"", "SHAPE", "DIRECTLY", "THROUGH THE PROXY", "VERDICT"}}
	counts := map[simulate.Verdict]int{}
	for _, r := range t.Rows {
		counts[r.Verdict]++
		rows = append(rows, []string{fmt.Sprintf("%2d", r.Number), r.Name, saidOf(r.Direct), saidOf(r.Proxy), string(r.Verdict)})
	}
	p.shapes(rows)
	var sums []string
	for _, v := range []simulate.Verdict{simulate.Works, simulate.OnlyProxy, simulate.AsDirect, simulate.PassedOver, simulate.Fails} {
		if counts[v] > 0 {
			sums = append(sums, fmt.Sprintf("%d %s", counts[v], v))
		}
	}
	p.printf("\n%s\n", p.paint.bold(strings.Join(sums, ", ")))
	return p.err
}

// shapes writes the rows, with the verdict in colour as well.
func (p *pairPrinter) shapes(rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for k, cell := range row {
			width[k] = max(width[k], utf8.RuneCountInString(cell))
		}
	}
	for i, row := range rows {
		var line strings.Builder
		for k, cell := range row[:len(row)-1] {
			line.WriteString(padded(cell, width[k]) + "  ")
		}
		verdict := row[len(row)-1]
		switch {
		case i == 0:
			verdict = p.paint.dim(verdict)
		case verdict == string(simulate.Fails):
			verdict = p.paint.removed(verdict)
		case verdict == string(simulate.OnlyProxy):
			verdict = p.paint.answer(verdict)
		}
		p.printf("%s\n", strings.TrimRight(line.String()+verdict, " "))
	}
}

func saidOf(a *simulate.ShapeAnswer) string {
	switch {
	case a == nil:
		return "-"
	case a.Skipped != "":
		return a.Skipped
	case !a.Good:
		return a.Said + " (no use)"
	}
	return a.Said
}
