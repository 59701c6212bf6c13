package postgresqlstat

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// result collects the points of each metric under one name.
type result struct {
	metrics pmetric.Metrics
	scope   pmetric.ScopeMetrics
	points  map[string]pmetric.NumberDataPointSlice
	start   pcommon.Timestamp
	now     pcommon.Timestamp
}

func newResult(start pcommon.Timestamp) *result {
	metrics := pmetric.NewMetrics()
	return &result{
		metrics: metrics,
		scope:   metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty(),
		points:  map[string]pmetric.NumberDataPointSlice{},
		start:   start,
		now:     pcommon.NewTimestampFromTime(time.Now()),
	}
}

func (r *result) isAny() bool {
	return len(r.points) > 0
}

func (r *result) add(metric definition, value float64, labels, texts []string) {
	points, isThere := r.points[metric.name]
	if !isThere {
		points = r.family(metric)
		r.points[metric.name] = points
	}
	point := points.AppendEmpty()
	point.SetStartTimestamp(r.start)
	point.SetTimestamp(r.now)
	point.SetDoubleValue(value)
	for number, label := range labels {
		point.Attributes().PutStr(label, texts[number])
	}
}

func (r *result) family(metric definition) pmetric.NumberDataPointSlice {
	family := r.scope.Metrics().AppendEmpty()
	family.SetName(metric.name)
	family.SetUnit(metric.unit)
	family.SetDescription(metric.description)
	if !metric.isCounter {
		return family.SetEmptyGauge().DataPoints()
	}
	sum := family.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return sum.DataPoints()
}
