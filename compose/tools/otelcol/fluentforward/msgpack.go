package fluentforward

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// Why a message is refused.
var (
	errMalformed = errors.New("malformed")
	errTooLarge  = errors.New("too_large")
	errTooDeep   = errors.New("too_deep")
)

// valueCost is about what a decoded MessagePack value takes in memory, in bytes, beside its text.
const valueCost = 64

// form is what the first byte of a MessagePack value says: how many bytes of length follow it, and what comes then.
type form struct {
	lengthBytes int // 0: the length is `fixed`
	fixed       int
	kind        kind
}

type kind uint8

const (
	scalar    kind = iota // `fixed` bytes of a number, or none
	text                  // str
	binaries              // bin
	extension             // one byte of type, then the data
	array
	mapping
	invalid
)

// formOf reads a value's first byte (MessagePack specification, "Formats").
func formOf(first byte) form {
	switch {
	case first <= 0x7f, first >= 0xe0:
		return form{kind: scalar}
	case first <= 0x8f:
		return form{fixed: int(first & 0x0f), kind: mapping}
	case first <= 0x9f:
		return form{fixed: int(first & 0x0f), kind: array}
	case first <= 0xbf:
		return form{fixed: int(first & 0x1f), kind: text}
	}
	return forms[first-0xc0]
}

var forms = [...]form{
	0xc0 - 0xc0: {kind: scalar}, // nil
	0xc1 - 0xc0: {kind: invalid},
	0xc2 - 0xc0: {kind: scalar}, // false
	0xc3 - 0xc0: {kind: scalar}, // true
	0xc4 - 0xc0: {lengthBytes: 1, kind: binaries},
	0xc5 - 0xc0: {lengthBytes: 2, kind: binaries},
	0xc6 - 0xc0: {lengthBytes: 4, kind: binaries},
	0xc7 - 0xc0: {lengthBytes: 1, kind: extension},
	0xc8 - 0xc0: {lengthBytes: 2, kind: extension},
	0xc9 - 0xc0: {lengthBytes: 4, kind: extension},
	0xca - 0xc0: {fixed: 4, kind: scalar}, // float 32
	0xcb - 0xc0: {fixed: 8, kind: scalar}, // float 64
	0xcc - 0xc0: {fixed: 1, kind: scalar}, // uint 8 to 64
	0xcd - 0xc0: {fixed: 2, kind: scalar},
	0xce - 0xc0: {fixed: 4, kind: scalar},
	0xcf - 0xc0: {fixed: 8, kind: scalar},
	0xd0 - 0xc0: {fixed: 1, kind: scalar}, // int 8 to 64
	0xd1 - 0xc0: {fixed: 2, kind: scalar},
	0xd2 - 0xc0: {fixed: 4, kind: scalar},
	0xd3 - 0xc0: {fixed: 8, kind: scalar},
	0xd4 - 0xc0: {fixed: 1, kind: extension}, // fixext 1 to 16
	0xd5 - 0xc0: {fixed: 2, kind: extension},
	0xd6 - 0xc0: {fixed: 4, kind: extension},
	0xd7 - 0xc0: {fixed: 8, kind: extension},
	0xd8 - 0xc0: {fixed: 16, kind: extension},
	0xd9 - 0xc0: {lengthBytes: 1, kind: text},
	0xda - 0xc0: {lengthBytes: 2, kind: text},
	0xdb - 0xc0: {lengthBytes: 4, kind: text},
	0xdc - 0xc0: {lengthBytes: 2, kind: array},
	0xdd - 0xc0: {lengthBytes: 4, kind: array},
	0xde - 0xc0: {lengthBytes: 2, kind: mapping},
	0xdf - 0xc0: {lengthBytes: 4, kind: mapping},
}

// scanner reads whole MessagePack values from a stream into memory, as they arrive: a length that is announced takes
// no memory, and one beyond the limits is refused at once. The limits are for all values of the stream together.
type scanner struct {
	in        io.Reader
	maxBytes  int
	maxValues int
	maxDepth  int
	// reserve is asked before memory is taken, in bytes.
	reserve func(bytes int) error

	buffer []byte
	total  int // bytes
	values int
}

const (
	firstBufferBytes = 512
	stepBytes        = 32 * 1024
)

// next returns the bytes of the next value, which stay valid until the call after it; io.EOF where the stream ends
// before it.
func (s *scanner) next() ([]byte, error) {
	s.buffer = nil
	if err := s.value(0); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) && len(s.buffer) == 0 {
			return nil, io.EOF
		}
		return nil, err
	}
	return s.buffer, nil
}

func (s *scanner) value(depth int) error {
	if depth > s.maxDepth {
		return errTooDeep
	}
	if s.values++; s.values > s.maxValues {
		return errTooLarge
	}
	if s.values&255 == 0 { // in steps: the reservation takes a lock
		if err := s.reserve(256 * valueCost); err != nil {
			return err
		}
	}
	if err := s.take(1); err != nil {
		return err
	}
	form := formOf(s.buffer[len(s.buffer)-1])
	length := uint64(form.fixed)
	if form.lengthBytes > 0 {
		if err := s.take(form.lengthBytes); err != nil {
			return err
		}
		length = unsigned(s.buffer[len(s.buffer)-form.lengthBytes:])
	}
	switch form.kind {
	case invalid:
		return errMalformed
	case array:
		return s.items(length, depth)
	case mapping:
		return s.items(2*length, depth)
	case extension:
		length++ // its type
	}
	if length > uint64(s.maxBytes) {
		return errTooLarge
	}
	return s.take(int(length))
}

func (s *scanner) items(count uint64, depth int) error {
	if count > uint64(s.maxValues) {
		return errTooLarge
	}
	for ; count > 0; count-- {
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// take appends the next bytes of the stream to the buffer.
func (s *scanner) take(count int) error {
	if s.total += count; s.total > s.maxBytes {
		return errTooLarge
	}
	for count > 0 {
		step := min(count, stepBytes)
		if err := s.grow(step); err != nil {
			return err
		}
		at := len(s.buffer)
		s.buffer = s.buffer[:at+step]
		if n, err := io.ReadFull(s.in, s.buffer[at:]); err != nil {
			s.buffer = s.buffer[:at+n]
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		count -= step
	}
	return nil
}

// grow makes room for `more` bytes; what the buffer had is at most half of what it then has.
func (s *scanner) grow(more int) error {
	if len(s.buffer)+more <= cap(s.buffer) {
		return nil
	}
	size := max(2*cap(s.buffer), len(s.buffer)+more, firstBufferBytes)
	if err := s.reserve(size - cap(s.buffer)); err != nil {
		return err
	}
	grown := make([]byte, len(s.buffer), size)
	copy(grown, s.buffer)
	s.buffer = grown
	return nil
}

// cursor walks over the bytes of values that a scanner has found whole.
type cursor struct {
	rest []byte
}

// header takes the next value's first byte and length.
func (c *cursor) header() (byte, form, int) {
	first := c.rest[0]
	form := formOf(first)
	c.rest = c.rest[1:]
	length := form.fixed
	if form.lengthBytes > 0 {
		length = int(unsigned(c.bytes(form.lengthBytes)))
	}
	return first, form, length
}

func (c *cursor) bytes(count int) []byte {
	taken := c.rest[:count]
	c.rest = c.rest[count:]
	return taken
}

// kind tells the next value's kind without taking it.
func (c *cursor) kind() kind {
	return formOf(c.rest[0]).kind
}

// skip passes over the next value.
func (c *cursor) skip() {
	_, form, length := c.header()
	switch form.kind {
	case array:
		c.skipItems(length)
	case mapping:
		c.skipItems(2 * length)
	case extension:
		c.bytes(length + 1)
	default:
		c.bytes(length)
	}
}

func (c *cursor) skipItems(count int) {
	for ; count > 0; count-- {
		c.skip()
	}
}

// items takes the header of an array or mapping and tells how many items (pairs) follow.
func (c *cursor) items(wanted kind) (int, bool) {
	if c.kind() != wanted {
		return 0, false
	}
	_, _, length := c.header()
	return length, true
}

// text takes a str or bin.
func (c *cursor) text() (string, bool) {
	if kind := c.kind(); kind != text && kind != binaries {
		return "", false
	}
	_, _, length := c.header()
	return string(c.bytes(length)), true
}

// number takes a scalar: nil, a bool, an int64, a uint64 beyond it, or a float64.
func (c *cursor) number() any {
	first, _, length := c.header()
	data := c.bytes(length)
	switch first {
	case 0xc0:
		return nil
	case 0xc2, 0xc3:
		return first == 0xc3
	case 0xca:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(data)))
	case 0xcb:
		return math.Float64frombits(binary.BigEndian.Uint64(data))
	case 0xcc, 0xcd, 0xce, 0xcf:
		if value := unsigned(data); value > math.MaxInt64 {
			return value
		}
		return int64(unsigned(data))
	case 0xd0:
		return int64(int8(data[0]))
	case 0xd1:
		return int64(int16(binary.BigEndian.Uint16(data)))
	case 0xd2:
		return int64(int32(binary.BigEndian.Uint32(data)))
	case 0xd3:
		return int64(binary.BigEndian.Uint64(data))
	}
	return int64(int8(first)) // a fixint, positive or negative
}

// extension takes an extension: its type and data.
func (c *cursor) extension() (int8, []byte) {
	_, _, length := c.header()
	data := c.bytes(length + 1)
	return int8(data[0]), data[1:]
}

func unsigned(data []byte) uint64 {
	var value uint64
	for _, each := range data {
		value = value<<8 | uint64(each)
	}
	return value
}
