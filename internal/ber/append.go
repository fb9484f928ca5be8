package ber

// AppendHeader appends a tag and a minimal length.
func AppendHeader(dst []byte, tag Tag, length int) []byte {
	dst = append(dst, byte(tag))
	switch {
	case length < 0x80:
		return append(dst, byte(length))
	case length < 1<<8:
		return append(dst, 0x81, byte(length))
	case length < 1<<16:
		return append(dst, 0x82, byte(length>>8), byte(length))
	case length < 1<<24:
		return append(dst, 0x83, byte(length>>16), byte(length>>8), byte(length))
	default:
		return append(dst, 0x84, byte(length>>24), byte(length>>16), byte(length>>8), byte(length))
	}
}

// HeaderSize is the number of octets AppendHeader appends.
func HeaderSize(length int) int {
	switch {
	case length < 0x80:
		return 2
	case length < 1<<8:
		return 3
	case length < 1<<16:
		return 4
	case length < 1<<24:
		return 5
	default:
		return 6
	}
}

// Append appends one primitive element.
func Append[T Bytes](dst []byte, tag Tag, contents T) []byte {
	dst = AppendHeader(dst, tag, len(contents))
	return append(dst, contents...)
}

// AppendInt appends an INTEGER or ENUMERATED with the fewest octets.
func AppendInt(dst []byte, tag Tag, v int32) []byte {
	n := 1
	for n < 4 && (v>>(8*n-1) != 0 && v>>(8*n-1) != -1) {
		n++
	}
	dst = append(dst, byte(tag), byte(n))
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

// AppendBool appends a BOOLEAN.
func AppendBool(dst []byte, tag Tag, v bool) []byte {
	if v {
		return append(dst, byte(tag), 1, 0xff)
	}
	return append(dst, byte(tag), 1, 0)
}

// Mark remembers where a constructed element began; see Begin.
type Mark struct {
	start int // of the contents, after the reserved header
}

// Begin starts a constructed element whose length is not known yet. expect is
// a guess of it in octets: End moves the contents only when the guess chose
// the wrong size of header, so that a large answer is not copied once a level.
func Begin(dst []byte, tag Tag, expect int) ([]byte, Mark) {
	dst = AppendHeader(dst, tag, expect)
	return dst, Mark{start: len(dst)}
}

// End closes the element that Begin started with the same expect.
func End(dst []byte, m Mark, expect int) []byte {
	length := len(dst) - m.start
	reserved, needed := HeaderSize(expect), HeaderSize(length)
	tag := Tag(dst[m.start-reserved])
	if needed != reserved {
		if needed > reserved {
			dst = append(dst, make([]byte, needed-reserved)...)
		}
		copy(dst[m.start-reserved+needed:], dst[m.start:m.start+length])
		dst = dst[:m.start-reserved+needed+length]
	}
	AppendHeader(dst[:m.start-reserved], tag, length)
	return dst
}
