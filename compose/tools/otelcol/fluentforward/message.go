package fluentforward

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// maxFields bounds the fields of one mapping: a field is looked for among those before it, so that their cost grows
// with the square of their number.
const maxFields = 512

// message is what a client sends at once, decoded.
type message struct {
	records plog.Logs
	// chunk is what the client wants to be told once the records are taken; empty if it does not ask.
	chunk string
	// skipped counts entries that are no records.
	skipped int
}

// decode reads a message in any of the protocol's modes: Message, Forward, PackedForward, CompressedPackedForward.
//
// whole: one MessagePack value. unpack: scans the entries of a packed message.
func decode(whole []byte, unpack func(entries io.Reader) *scanner) (*message, error) {
	at := &cursor{whole}
	count, ok := at.items(array)
	if !ok || count < 2 || count > 4 {
		return nil, errMalformed
	}
	tag, ok := at.text()
	if !ok {
		return nil, errMalformed
	}
	read := &message{records: plog.NewLogs()}
	into := &entries{tag: tag, to: read, records: read.records.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()}
	switch at.kind() {
	case array: // Forward: many entries
		if count > 3 {
			return nil, errMalformed
		}
		length, _ := at.items(array)
		for ; length > 0; length-- {
			into.entry(at)
		}
		return read, read.options(at, count == 3)
	case text, binaries: // PackedForward: the same entries as one string, which may be compressed
		if count > 3 {
			return nil, errMalformed
		}
		packed := at.packed()
		options := *at
		if err := read.options(at, count == 3); err != nil {
			return nil, err
		}
		return read, into.unpack(packed, count == 3 && options.compressed(), unpack)
	default: // Message: one entry without an array of its own
		if count < 3 {
			return nil, errMalformed
		}
		into.timeAndRecord(at)
		return read, read.options(at, count == 4)
	}
}

func (c *cursor) packed() []byte {
	_, _, length := c.header()
	return c.bytes(length)
}

// options reads the last item of a message.
func (m *message) options(at *cursor, present bool) error {
	if !present {
		return nil
	}
	if at.rest[0] == 0xc0 { // nil, which some clients send for none
		at.skip()
		return nil
	}
	chunk, err := at.option("chunk")
	m.chunk = chunk
	return err
}

// compressed tells what a copy of the cursor at the options says.
func (c *cursor) compressed() bool {
	if c.kind() != mapping {
		return false
	}
	method, err := c.option("compressed")
	return err == nil && method == "gzip"
}

// option takes a mapping and gives the text of one of its names, empty where there is none.
func (c *cursor) option(wanted string) (string, error) {
	pairs, ok := c.items(mapping)
	if !ok {
		return "", errMalformed
	}
	found := ""
	for ; pairs > 0; pairs-- {
		name, ok := c.text()
		if !ok {
			return "", errMalformed
		}
		if name != wanted {
			c.skip()
		} else if found, ok = c.text(); !ok {
			return "", errMalformed
		}
	}
	return found, nil
}

// entries turns what a message holds into log records.
type entries struct {
	tag     string
	to      *message
	records plog.LogRecordSlice
}

func (e *entries) unpack(packed []byte, compressed bool, unpack func(io.Reader) *scanner) error {
	var in io.Reader = bytes.NewReader(packed)
	if compressed {
		plain, err := gzip.NewReader(in)
		if err != nil {
			return errMalformed
		}
		in = plain
	}
	scan := unpack(in)
	for {
		one, err := scan.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return refusal(err)
		}
		e.entry(&cursor{one})
	}
}

// refusal is the reason for an error while bytes were read that are all there.
func refusal(err error) error {
	if errors.Is(err, errTooLarge) || errors.Is(err, errTooDeep) || errors.Is(err, errBusy) {
		return err
	}
	return errMalformed
}

// entry takes one [time, record]; what is none is counted and costs no other entry.
func (e *entries) entry(at *cursor) {
	after := *at
	after.skip()
	if count, ok := at.items(array); !ok || count != 2 {
		e.to.skipped++
	} else {
		e.timeAndRecord(at)
	}
	*at = after
}

func (e *entries) timeAndRecord(at *cursor) {
	stamp, ok := at.time()
	if !ok || at.kind() != mapping {
		e.to.skipped++
		at.skip()
		return
	}
	record := e.records.AppendEmpty()
	record.SetTimestamp(stamp)
	attributes := record.Attributes()
	pairs, _ := at.items(mapping)
	attributes.EnsureCapacity(min(pairs, maxFields) + 1)
	attributes.PutStr("fluent.tag", e.tag)
	record.SetDroppedAttributesCount(at.fields(pairs, func(name string) pcommon.Value {
		// Fluentd calls a record's text "message", Fluent Bit calls it "log".
		if name == "message" || name == "log" {
			return record.Body()
		}
		return attributes.PutEmpty(name)
	}))
}

// fields takes the pairs of a mapping; those beyond maxFields are passed over and counted.
func (c *cursor) fields(pairs int, field func(name string) pcommon.Value) uint32 {
	for range min(pairs, maxFields) {
		name := c.name()
		c.into(field(name))
	}
	passed := max(pairs-maxFields, 0)
	c.skipItems(2 * passed)
	return uint32(passed)
}

// name takes the name of a field; one that is no text is written as one.
func (c *cursor) name() string {
	if name, ok := c.text(); ok {
		return name
	}
	value := pcommon.NewValueEmpty()
	c.into(value)
	return value.AsString()
}

// time takes an EventTime, whole seconds, or Fluent Bit's pair of either and metadata; false, and the value is
// taken, where it is none.
func (c *cursor) time() (pcommon.Timestamp, bool) {
	switch c.kind() {
	case scalar:
		if seconds, ok := c.number().(int64); ok && seconds >= 0 && seconds < 1<<33 {
			return pcommon.NewTimestampFromTime(time.Unix(seconds, 0)), true
		}
		return 0, false
	case extension:
		kind, data := c.extension()
		if kind != 0 || len(data) != 8 {
			return 0, false
		}
		seconds, nanoseconds := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
		return pcommon.NewTimestampFromTime(time.Unix(int64(seconds), int64(nanoseconds))), true
	case array:
		after := *c
		after.skip()
		count, _ := c.items(array)
		var stamp pcommon.Timestamp
		ok := count == 2 && c.kind() != array
		if ok {
			stamp, ok = c.time()
		}
		*c = after
		return stamp, ok
	}
	c.skip()
	return 0, false
}

// into takes the next value, whatever it is, as an attribute's. The scanner has bounded its depth and size.
func (c *cursor) into(to pcommon.Value) {
	switch c.kind() {
	case text, binaries:
		value, _ := c.text()
		to.SetStr(value)
	case array:
		length, _ := c.items(array)
		for items := to.SetEmptySlice(); length > 0; length-- {
			c.into(items.AppendEmpty())
		}
	case mapping:
		pairs, _ := c.items(mapping)
		c.fields(pairs, to.SetEmptyMap().PutEmpty)
	case extension:
		_, data := c.extension()
		to.SetEmptyBytes().FromRaw(data)
	default:
		switch value := c.number().(type) {
		case bool:
			to.SetBool(value)
		case int64:
			to.SetInt(value)
		case uint64:
			to.SetStr(strconv.FormatUint(value, 10)) // attributes have no unsigned numbers
		case float64:
			to.SetDouble(value)
		}
	}
}
