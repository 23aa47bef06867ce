// SPDX-License-Identifier: Apache-2.0
#include "tillwire/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>

#define LABEL_MAX  48 // bytes of a label value kept, with the NUL
#define BOUNDS_MAX 16
// Every metric may need one more series, "other", once the table is full.
#define SERIES_MAX ((size_t)TW_METRIC_MAX_SERIES + TW_METRIC_COUNT)

struct info {
    const char *name, *kind, *label1, *label2, *help;
};

static const struct info infos[TW_METRIC_COUNT] = {
#define X(symbol, name, kind, label1, label2, help)                                                          \
    [TW_METRIC_##symbol] = {"tillwire_" name, kind, label1, label2, help},
    TW_METRICS(X)
#undef X
};

struct series {
    enum tw_metric metric;
    char label1[LABEL_MAX], label2[LABEL_MAX];
    double value;
};

struct histogram {
    double bounds[BOUNDS_MAX];
    uint64_t counts[BOUNDS_MAX + 1];
    size_t bound_count;
    double sum;
    bool set;
};

struct tw_metrics {
    pthread_mutex_t lock;
    struct series *series;
    size_t count, cap;
    struct histogram histogram; // TW_METRICS has one
};

static bool is_histogram(enum tw_metric metric)
{
    return strcmp(infos[metric].kind, "histogram") == 0;
}

struct tw_metrics *tw_metrics_new(void)
{
    struct tw_metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics != NULL) {
        (void)pthread_mutex_init(&metrics->lock, NULL);
    }
    return metrics;
}

void tw_metrics_free(struct tw_metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&metrics->lock);
    free(metrics->series);
    free(metrics);
}

static struct series *find(struct tw_metrics *metrics, enum tw_metric metric, const char *label1,
                           const char *label2)
{
    for (size_t i = 0; i < metrics->count; i++) {
        struct series *series = &metrics->series[i];
        if (series->metric == metric && strncmp(series->label1, label1, LABEL_MAX - 1) == 0 &&
            strncmp(series->label2, label2, LABEL_MAX - 1) == 0) {
            return series;
        }
    }
    return NULL;
}

static bool grow(struct tw_metrics *metrics)
{
    if (metrics->count < metrics->cap) {
        return true;
    }
    size_t cap = metrics->cap == 0 ? 32 : metrics->cap * 2;
    struct series *grown = realloc(metrics->series, cap * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    metrics->series = grown;
    metrics->cap = cap;
    return true;
}

// The series for these labels, made when new; NULL when there is no room at all.
static struct series *series_of(struct tw_metrics *metrics, enum tw_metric metric, const char *label1,
                                const char *label2)
{
    const char *one = infos[metric].label1 == NULL ? "" : label1 == NULL ? "none" : label1;
    const char *two = infos[metric].label2 == NULL ? "" : label2 == NULL ? "none" : label2;
    struct series *series = find(metrics, metric, one, two);
    if (series != NULL) {
        return series;
    }
    if (metrics->count >= TW_METRIC_MAX_SERIES) {
        one = infos[metric].label1 == NULL ? "" : "other";
        two = infos[metric].label2 == NULL ? "" : "other";
        series = find(metrics, metric, one, two);
        if (series != NULL) {
            return series;
        }
    }
    if (metrics->count >= SERIES_MAX || !grow(metrics)) {
        return NULL;
    }
    series = &metrics->series[metrics->count++];
    *series = (struct series){.metric = metric};
    (void)snprintf(series->label1, sizeof series->label1, "%s", one);
    (void)snprintf(series->label2, sizeof series->label2, "%s", two);
    return series;
}

void tw_metrics_add(struct tw_metrics *metrics, enum tw_metric metric, const char *label1, const char *label2,
                    uint64_t delta)
{
    (void)pthread_mutex_lock(&metrics->lock);
    struct series *series = series_of(metrics, metric, label1, label2);
    if (series != NULL) {
        series->value += (double)delta;
    }
    (void)pthread_mutex_unlock(&metrics->lock);
}

void tw_metrics_set(struct tw_metrics *metrics, enum tw_metric metric, const char *label1, const char *label2,
                    double value)
{
    (void)pthread_mutex_lock(&metrics->lock);
    struct series *series = series_of(metrics, metric, label1, label2);
    if (series != NULL) {
        series->value = value;
    }
    (void)pthread_mutex_unlock(&metrics->lock);
}

void tw_metrics_histogram(struct tw_metrics *metrics, enum tw_metric metric, const double *bounds,
                          const uint64_t *counts, size_t bound_count, double sum)
{
    if (!is_histogram(metric) || bound_count > BOUNDS_MAX) {
        return;
    }
    (void)pthread_mutex_lock(&metrics->lock);
    struct histogram *histogram = &metrics->histogram;
    *histogram = (struct histogram){.bound_count = bound_count, .sum = sum, .set = true};
    memcpy(histogram->bounds, bounds, bound_count * sizeof *bounds);
    memcpy(histogram->counts, counts, (bound_count + 1) * sizeof *counts);
    (void)pthread_mutex_unlock(&metrics->lock);
}

// ---- exposition: https://prometheus.io/docs/instrumenting/exposition_formats, "Text format details" ----

static void write_number(struct tw_buf *out, double value)
{
    // Up to 2^53 every integer is exact; no exponent for what is counted.
    if (fabs(value) < 9007199254740992.0 && value == floor(value)) {
        tw_buf_printf(out, "%.0f", value);
    } else {
        tw_buf_printf(out, "%.9g", value);
    }
}

static void write_label(struct tw_buf *out, const char *name, const char *value)
{
    tw_buf_printf(out, "%s=\"", name);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\n') {
            tw_buf_add_text(out, "\\n");
            continue;
        }
        if (*at == '\\' || *at == '"') {
            tw_buf_add(out, "\\", 1);
        }
        tw_buf_add(out, at, 1);
    }
    tw_buf_add(out, "\"", 1);
}

static void write_series(struct tw_buf *out, const struct series *series)
{
    const struct info *info = &infos[series->metric];
    tw_buf_add_text(out, info->name);
    if (info->label1 != NULL) {
        tw_buf_add(out, "{", 1);
        write_label(out, info->label1, series->label1);
        if (info->label2 != NULL) {
            tw_buf_add(out, ",", 1);
            write_label(out, info->label2, series->label2);
        }
        tw_buf_add(out, "}", 1);
    }
    tw_buf_add(out, " ", 1);
    write_number(out, series->value);
    tw_buf_add(out, "\n", 1);
}

static void write_histogram(struct tw_buf *out, const char *name, const struct histogram *histogram)
{
    uint64_t below = 0;
    for (size_t i = 0; i < histogram->bound_count; i++) {
        below += histogram->counts[i];
        tw_buf_printf(out, "%s_bucket{le=\"%.9g\"} %llu\n", name, histogram->bounds[i],
                      (unsigned long long)below);
    }
    below += histogram->counts[histogram->bound_count];
    tw_buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum ", name, (unsigned long long)below, name);
    write_number(out, histogram->sum);
    tw_buf_printf(out, "\n%s_count %llu\n", name, (unsigned long long)below);
}

// A counter without labels shows as 0 before it first counts; a gauge is unknown until it is set.
static void write_metric(struct tw_metrics *metrics, enum tw_metric metric, struct tw_buf *out)
{
    const struct info *info = &infos[metric];
    tw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name, info->kind);
    if (is_histogram(metric)) {
        if (metrics->histogram.set) {
            write_histogram(out, info->name, &metrics->histogram);
        }
        return;
    }
    bool any = false;
    for (size_t i = 0; i < metrics->count; i++) {
        if (metrics->series[i].metric == metric) {
            write_series(out, &metrics->series[i]);
            any = true;
        }
    }
    if (!any && info->label1 == NULL && strcmp(info->kind, "counter") == 0) {
        tw_buf_printf(out, "%s 0\n", info->name);
    }
}

void tw_metrics_write(struct tw_metrics *metrics, struct tw_buf *out)
{
    (void)pthread_mutex_lock(&metrics->lock);
    for (int metric = 0; metric < TW_METRIC_COUNT; metric++) {
        write_metric(metrics, (enum tw_metric)metric, out);
    }
    (void)pthread_mutex_unlock(&metrics->lock);
}
