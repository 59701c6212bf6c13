// Package masking masks credentials and personal data in log records and spans, whatever program sent them.
//
// The platform's hops mask what they say themselves (observability/masking.py, which has the same patterns); what
// other programs write, and what an instrumentation puts into a span, is masked here. The contrib processors redaction
// and transform run every pattern over every value, ten times the cost of the search for words that comes first here.
package masking

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
)

// NewFactory makes processors of type "masking".
func NewFactory() processor.Factory {
	return processor.NewFactory(
		component.MustNewType("masking"),
		func() component.Config { return &struct{}{} },
		processor.WithLogs(createLogs, component.StabilityLevelStable),
		processor.WithTraces(createTraces, component.StabilityLevelStable),
	)
}

var mutates = processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true})

func createLogs(
	ctx context.Context, settings processor.Settings, config component.Config, next consumer.Logs,
) (processor.Logs, error) {
	return processorhelper.NewLogs(ctx, settings, config, next,
		func(_ context.Context, logs plog.Logs) (plog.Logs, error) {
			for _, resource := range logs.ResourceLogs().All() {
				for _, scope := range resource.ScopeLogs().All() {
					for _, record := range scope.LogRecords().All() {
						maskValue(record.Body())
						maskMap(record.Attributes())
					}
				}
			}
			return logs, nil
		}, mutates)
}

func createTraces(
	ctx context.Context, settings processor.Settings, config component.Config, next consumer.Traces,
) (processor.Traces, error) {
	return processorhelper.NewTraces(ctx, settings, config, next,
		func(_ context.Context, traces ptrace.Traces) (ptrace.Traces, error) {
			for _, resource := range traces.ResourceSpans().All() {
				for _, scope := range resource.ScopeSpans().All() {
					for _, span := range scope.Spans().All() {
						maskSpan(span)
					}
				}
			}
			return traces, nil
		}, mutates)
}

func maskSpan(span ptrace.Span) {
	maskMap(span.Attributes())
	for _, event := range span.Events().All() {
		maskMap(event.Attributes())
	}
	for _, link := range span.Links().All() {
		maskMap(link.Attributes())
	}
	if name := span.Name(); mayHold(name) {
		span.SetName(text(name))
	}
	if message := span.Status().Message(); mayHold(message) {
		span.Status().SetMessage(text(message))
	}
}

func maskMap(fields pcommon.Map) {
	for name, value := range fields.All() {
		if isSecret(name) {
			value.SetStr(mask)
		} else {
			maskValue(value)
		}
	}
}

func maskValue(value pcommon.Value) {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		if mayHold(value.Str()) {
			value.SetStr(text(value.Str()))
		}
	case pcommon.ValueTypeMap:
		maskMap(value.Map())
	case pcommon.ValueTypeSlice:
		for _, item := range value.Slice().All() {
			maskValue(item)
		}
	}
}
