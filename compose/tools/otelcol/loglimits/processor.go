// Package loglimits brings log records into what the log store takes, whatever program wrote them.
//
// Loki refuses a whole request for one record with an empty name of a field, more than 128 of them, or more than
// 64 KiB; and it answers "too many streams", which is tried again for ever, once programs give themselves ever new
// names. Here every record is cut to its bounds by itself, so that none costs another; and no text of it steers the
// terminal that shows it.
package loglimits

import (
	"context"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
)

const (
	// maxFields and maxBytes (names and values) stay below Loki's 128 and 64 KiB: it adds the trace and span id,
	// severity and flags.
	maxFields = 112
	maxBytes  = 56 * 1024
	maxText   = 32 * 1024
	// maxBody is below Loki's 64 KiB a line.
	maxBody = 60 * 1024
	maxName = 128
	// maxIdentity bounds what becomes a stream's label, of which Loki takes 2048 bytes.
	maxIdentity = 256
	// shortText is taken before any longer one, so that one long text does not cost the ids beside it.
	shortText = 256
	cut       = "…"
)

// identity are the attributes that become the labels of a stream.
var identity = []string{"service.name", "service.instance.id", "deployment.environment.name"}

// added are the names that the log store gives to a record's own values.
var added = map[string]bool{
	"trace_id": true, "span_id": true, "flags": true, "severity_text": true, "severity_number": true,
	"observed_timestamp": true, "dropped_attributes_count": true,
	"service_name": true, "service_instance_id": true, "deployment_environment_name": true,
}

// NewFactory makes processors of type "loglimits".
func NewFactory() processor.Factory {
	return processor.NewFactory(
		component.MustNewType("loglimits"),
		func() component.Config { return &struct{}{} },
		processor.WithLogs(create, component.StabilityLevelStable),
	)
}

func create(
	ctx context.Context, settings processor.Settings, config component.Config, next consumer.Logs,
) (processor.Logs, error) {
	streams := newStreams()
	return processorhelper.NewLogs(
		ctx, settings, config, next,
		func(_ context.Context, logs plog.Logs) (plog.Logs, error) {
			for _, resource := range logs.ResourceLogs().All() {
				for _, scope := range resource.ScopeLogs().All() {
					for _, record := range scope.LogRecords().All() {
						limit(record, streams)
					}
				}
			}
			return logs, nil
		},
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
	)
}

func limit(record plog.LogRecord, streams *streams) {
	limitBody(record.Body())
	fields := &fields{
		to: pcommon.NewMap(), taken: map[string]bool{}, dropped: record.DroppedAttributesCount(), left: maxBytes,
	}
	attributes := record.Attributes()
	fields.to.EnsureCapacity(min(attributes.Len(), maxFields))
	fields.identify(attributes, streams)
	fields.takeAll(attributes, "", true)
	fields.takeAll(attributes, "", false)
	fields.to.MoveTo(attributes)
	record.SetDroppedAttributesCount(fields.dropped)
	record.SetSeverityText(short(record.SeverityText(), maxName))
}

func limitBody(body pcommon.Value) {
	switch body.Type() {
	case pcommon.ValueTypeEmpty:
	case pcommon.ValueTypeStr:
		text := body.Str()
		if kept := short(text, maxBody); kept != text {
			body.SetStr(kept)
		}
	default:
		body.SetStr(short(body.AsString(), maxBody))
	}
}

// fields are the attributes that a record keeps: flat, as the log store makes them anyhow, with names that stay
// different in its spelling.
type fields struct {
	to      pcommon.Map
	taken   map[string]bool // names as the log store spells them
	dropped uint32
	left    int
}

// identify takes the attributes that name the record's stream, for which there is always room.
func (f *fields) identify(from pcommon.Map, streams *streams) {
	var names [3]string
	for at, key := range identity {
		if value, ok := from.Get(key); ok {
			names[at] = short(value.AsString(), maxIdentity)
		}
	}
	names = streams.admit(names)
	for at, key := range identity {
		if names[at] != "" {
			f.to.PutStr(key, names[at])
		}
		from.Remove(key)
	}
}

// takeAll takes the attributes that are short, or those that are not.
func (f *fields) takeAll(from pcommon.Map, prefix string, shorts bool) {
	for name, value := range from.All() {
		if value.Type() == pcommon.ValueTypeMap && len(prefix) < maxName {
			f.takeAll(value.Map(), prefix+short(name, maxName)+"_", shorts)
		} else if isShort := brief(name, value); isShort == shorts {
			f.take(prefix+name, value)
		}
	}
}

func brief(name string, value pcommon.Value) bool {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return len(name)+len(value.Str()) <= shortText
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap, pcommon.ValueTypeBytes:
		return false
	}
	return len(name) <= shortText
}

func (f *fields) take(name string, value pcommon.Value) {
	name, ok := f.name(name)
	if !ok || f.to.Len() >= maxFields || f.left <= len(name)+len(cut) {
		f.dropped++
		return
	}
	f.left -= len(name)
	switch value.Type() {
	case pcommon.ValueTypeStr, pcommon.ValueTypeSlice, pcommon.ValueTypeMap, pcommon.ValueTypeBytes:
		text := short(value.AsString(), min(f.left, maxText))
		f.left -= len(text)
		f.to.PutStr(name, text)
	default:
		f.left -= 24 // the longest number
		value.CopyTo(f.to.PutEmpty(name))
	}
}

// name gives a field a name that the log store takes and that no other field of the record has; false where it has
// none.
func (f *fields) name(name string) (string, bool) {
	name = short(name, maxName)
	spelled := spelling(name)
	if strings.Trim(spelled, "_") == "" {
		return "", false
	}
	if added[spelled] {
		name, spelled = "extra_"+name, "extra_"+spelled
	}
	if f.taken[spelled] {
		return "", false
	}
	f.taken[spelled] = true
	return name, true
}

// spelling is a name as Prometheus and Loki have it: letters, digits and single underscores.
func spelling(name string) string {
	spelled := make([]byte, 0, len(name))
	for _, each := range name {
		valid := each < utf8.RuneSelf && (each >= 'a' && each <= 'z' || each >= 'A' && each <= 'Z' || each >= '0' && each <= '9')
		switch {
		case valid:
			spelled = append(spelled, byte(each))
		case len(spelled) == 0 || spelled[len(spelled)-1] != '_':
			spelled = append(spelled, '_')
		}
	}
	return string(spelled)
}

// short is valid and visible text of at most `limit` bytes.
func short(text string, limit int) string {
	text = visible(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= limit {
		return text
	}
	at := max(limit-len(cut), 0)
	for at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at] + cut
}
