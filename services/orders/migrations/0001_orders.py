"""The orders and their lines."""

import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Order',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('account_id', models.UUIDField()),
                ('state', models.TextField(choices=[('placed', 'Placed'), ('confirmed', 'Confirmed'), ('cancelled', 'Cancelled')], default='placed')),
                ('reason', models.TextField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'db_table': 'orders',
                'indexes': [models.Index(fields=['-created_at'], name='orders_newest'), models.Index(fields=['account_id', '-created_at'], name='orders_of_account')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['placed', 'confirmed', 'cancelled'])), name='orders_state')],
            },
        ),
        migrations.CreateModel(
            name='Line',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sku', models.TextField()),
                ('quantity', models.PositiveIntegerField()),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='orders.order')),
            ],
            options={
                'db_table': 'order_lines',
                'ordering': ('id',),
                'constraints': [models.UniqueConstraint(fields=('order', 'sku'), name='order_lines_sku_once')],
            },
        ),
    ]
