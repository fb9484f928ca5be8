package main

import (
	"encoding/json"

	"jamf-ldap-proxy/internal/discovery"
)

// The JSON form is for programs: names may be added, none changes its meaning.
type (
	jsonPairs struct {
		Pairs         []jsonPair      `json:"pairs"`
		Ambiguous     []jsonAmbiguity `json:"ambiguous"`
		NoLinuxGroup  []jsonGroup     `json:"no_linux_group"`
		NoLegacyGroup []jsonGroup     `json:"no_legacy_group"`
		Warnings      []string        `json:"warnings"`
	}
	jsonPair struct {
		Legacy  string `json:"legacy"`
		Posix   string `json:"posix"`
		GID     int    `json:"gid,omitempty"`
		Members int    `json:"members"`
		jsonReason
	}
	jsonAmbiguity struct {
		Legacy  []jsonGroup `json:"legacy"`
		Posix   []jsonGroup `json:"posix"`
		Members int         `json:"members"`
		jsonReason
	}
	jsonGroup struct {
		Name    string `json:"name"`
		GID     int    `json:"gid,omitempty"`
		Members int    `json:"members"`
		Like    string `json:"like,omitempty"`
		jsonReason
	}
	jsonReason struct {
		Reason string `json:"reason,omitempty"`
		Why    string `json:"why,omitempty"`
		Try    string `json:"try,omitempty"`
	}
)

func printPairJSON(out output, r *discovery.Result) error {
	doc := jsonPairs{
		Pairs: []jsonPair{}, Ambiguous: []jsonAmbiguity{},
		NoLinuxGroup: jsonUnpaired(r.NoLinuxGroup), NoLegacyGroup: jsonUnpaired(r.NoLegacyGroup),
		Warnings: append([]string{}, r.Warnings...),
	}
	for _, p := range r.Pairs {
		doc.Pairs = append(doc.Pairs, jsonPair{p.Legacy, p.Posix, p.GID, p.Members, jsonReasonOf(p.Reason)})
	}
	for _, a := range r.Ambiguous {
		doc.Ambiguous = append(doc.Ambiguous, jsonAmbiguity{
			jsonGroups(a.Legacy), jsonGroups(a.Posix), a.Legacy[0].Members, jsonReasonOf(a.Reason),
		})
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

func jsonReasonOf(r discovery.Reason) jsonReason { return jsonReason{string(r), r.Why(), r.Try()} }

func jsonGroups(groups []discovery.Group) []jsonGroup {
	list := make([]jsonGroup, len(groups))
	for i, g := range groups {
		list[i] = jsonGroup{Name: g.Name, GID: g.GID, Members: g.Members}
	}
	return list
}

func jsonUnpaired(groups []discovery.Unpaired) []jsonGroup {
	list := make([]jsonGroup, len(groups))
	for i, u := range groups {
		list[i] = jsonGroup{Name: u.Name, GID: u.GID, Members: u.Members, Like: u.Like, jsonReason: jsonReasonOf(u.Reason)}
	}
	return list
}
