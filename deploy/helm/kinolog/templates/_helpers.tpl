{{- define "kinolog.labels" -}}
app.kubernetes.io/name: kinolog
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "kinolog.meta" -}}
metadata:
  name: {{ .root.Release.Name }}-{{ .component }}
  labels:
    {{- include "kinolog.labels" . | nindent 4 }}
    app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
    helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
    app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "kinolog.image" -}}
{{- $images := .root.Values.images -}}
{{- $digest := index $images.digests .service -}}
image: {{ $images.registry }}/{{ .service }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $images.tag }}{{ end }}
imagePullPolicy: {{ $images.pullPolicy }}
{{- end }}

{{- define "kinolog.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "kinolog.container" -}}
securityContext:
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "kinolog.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "kinolog.labels" . | nindent 8 }}
{{- end }}

{{- define "kinolog.natsUrl" -}}
{{- if .Values.nats.url -}}
{{ .Values.nats.url }}
{{- else -}}
{{- $servers := list -}}
{{- range $number := until (int .Values.nats.replicas) -}}
{{- $servers = append $servers (printf "nats://%s-nats-%d.%s-nats:4222" $.Release.Name $number $.Release.Name) -}}
{{- end -}}
{{ join "," $servers }}
{{- end -}}
{{- end }}

{{- /* Classes of models whose queues KEDA reads: they must be there before the first worker is. */ -}}
{{- define "kinolog.scaledClasses" -}}
{{- $classes := list -}}
{{- range $worker := .Values.workers -}}
{{- if $worker.keda.enabled -}}
{{- $classes = concat $classes $worker.modelClasses -}}
{{- end -}}
{{- end -}}
{{ join "," ($classes | uniq) }}
{{- end }}

{{- define "kinolog.secret" -}}
valueFrom: {secretKeyRef: {name: {{ .root.Values.secretName }}, key: {{ .key }}}}
{{- end }}

{{- define "kinolog.logEnv" -}}
- name: KINOLOG_LOG_FORMAT
  value: json
- name: KINOLOG_NATS_URL
  value: {{ include "kinolog.natsUrl" .root | quote }}
- name: KINOLOG_NATS_REPLICAS
  value: {{ .root.Values.nats.replicas | quote }}
- name: KINOLOG_NATS_USER
  value: {{ .user }}
- name: KINOLOG_NATS_PASSWORD
  {{- include "kinolog.secret" (dict "root" .root "key" (printf "nats-%s-password" .user)) | nindent 2 }}
{{- end }}

{{- define "kinolog.moreEnv" -}}
{{- range $name, $value := .env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "kinolog.probes" -}}
startupProbe:
  httpGet: {path: /health, port: {{ .port }}}
  periodSeconds: 2
  failureThreshold: 150
livenessProbe:
  httpGet: {path: /health, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /ready, port: {{ .port }}}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
