package web

import "strings"

// diffLine is one line of two texts side by side.
type diffLine struct {
	Old, New string
	Sign     string // "" in both, "-" only in the old one, "+" only in the new one
}

// maxDiff bounds what is compared; the table of the comparison grows with the
// product of the lengths.
const maxDiff = 200

// diff compares two texts by lines: what they have in common stays, in order
// (longest common subsequence), what differs is removed before it is added.
func diff(before, after []string) []diffLine {
	before, after = cutLines(before), cutLines(after)
	common := commonLengths(before, after)
	var out []diffLine
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && bare(before[i]) == bare(after[j]):
			out = append(out, diffLine{before[i], after[j], ""})
			i++
			j++
		case i < len(before) && (j == len(after) || common[i+1][j] >= common[i][j+1]):
			out = append(out, diffLine{before[i], "", "-"})
			i++
		default:
			out = append(out, diffLine{"", after[j], "+"})
			j++
		}
	}
	return out
}

// commonLengths holds, for every pair of rests, how many lines they share.
func commonLengths(before, after []string) [][]int {
	n := make([][]int, len(before)+1)
	for i := range n {
		n[i] = make([]int, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if bare(before[i]) == bare(after[j]) {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	return n
}

// bare is a line without what only its place gives it: how deep it stands, and
// whose end stands behind it.
func bare(line string) string { return strings.TrimRight(strings.TrimLeft(line, " "), ")") }

func cutLines(lines []string) []string {
	if len(lines) <= maxDiff {
		return lines
	}
	return append(lines[:maxDiff:maxDiff], "…")
}
